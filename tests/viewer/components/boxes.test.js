import assert from "node:assert/strict"
import { test } from "node:test"
import { inWords } from "../../../viewer/components/boxes.js"
import { objectsUrl } from "../../../viewer/components/text.js"

test("boxes are counted in words, for those who do not see them", () => {
  assert.equal(inWords([{ name: "cat" }]), "1 object: 1 cat")
  assert.equal(inWords([{ name: "cat" }, { name: "dog" }, { name: "cat" }]), "3 objects: 2 cat, 1 dog")
})

test("the address of an image's objects holds any id", () => {
  const image = { id: "a b/ü?.jpg", stamp: "1&2" }
  assert.equal(objectsUrl(image, "/viewer"), "/viewer/objects/a%20b/%C3%BC%3F.jpg?is=1%262")
})
