import assert from "node:assert/strict"
import { test } from "node:test"
import { inWords, placeNames } from "../../../viewer/components/boxes.js"
import { objectsUrl } from "../../../viewer/components/text.js"

test("boxes are counted in words, for those who do not see them", () => {
  assert.equal(inWords([{ name: "cat" }]), "1 object: 1 cat")
  assert.equal(inWords([{ name: "cat" }, { name: "dog" }, { name: "cat" }]), "3 objects: 2 cat, 1 dog")
})

test("the address of an image's objects holds any id", () => {
  const image = { id: "a b/ü?.jpg", stamp: "1&2" }
  assert.equal(objectsUrl(image, "/viewer"), "/viewer/objects/a%20b/%C3%BC%3F.jpg?is=1%262")
})

const letters = (/** @type {string} */ text) => text.length * 8
const box = (/** @type {string} */ name, left = 0.4, top = 0.4, size = 0.2) => ({
  name,
  color: "",
  left,
  top,
  width: size,
  height: size,
  crowd: false,
})
const picture = { width: 400, height: 400, pixel: 1, room: { width: 400, height: 400 } }
const places = (/** @type {ReturnType<typeof box>[]} */ boxes, changes = {}) =>
  placeNames(boxes, { ...picture, ...changes }, letters)

test("a name stands above its box, and inside of it at the picture's upper edge", () => {
  const [above, inside] = places([box("cat"), box("dog", 0, 0)])
  assert.ok(above && above.x === 160 && above.y < 160 && above.y > 145)
  assert.ok(inside && inside.x === 0 && inside.y > 0 && inside.y < 20)
})

test("a name at the right edge is whole, and one that is wider than the picture is cut", () => {
  const [whole, cut] = places([box("a long name", 0.95), box("x".repeat(90), 0.1, 0.8)])
  assert.deepEqual([whole?.text, whole && whole.x + letters(whole.text)], ["a long name", 400])
  assert.ok(cut?.text.endsWith("x…") && cut.x >= 0)
  assert.ok(cut && cut.x + letters(cut.text) <= 400)
})

test("names never lie over each other: one that has no room is left out, until the picture is enlarged", () => {
  const crowd = Array.from({ length: 40 }, (_, i) => box("cat", 0.4 + i * 0.004, 0.5, 0.01))
  const shown = places(crowd).filter((place) => place !== null)
  assert.ok(shown.length > 2 && shown.length < 20)
  for (const one of shown) {
    for (const other of shown.slice(shown.indexOf(one) + 1)) {
      assert.ok(Math.abs(one.y - other.y) >= 15 || Math.abs(one.x - other.x) >= letters("cat"))
    }
  }
  assert.equal(places(crowd, { pixel: 0.02 }).filter(Boolean).length, 40)
})

test("where the picture leaves room beside it, names may stand there", () => {
  const [place] = places([box("long name", 0.9)], { room: { width: 600, height: 400 } })
  assert.equal(place?.x, 360)
})
