import assert from "node:assert/strict"
import { test } from "node:test"
import { pairsOf } from "../../../../viewer/components/side/comparison.js"
import { moved, NEAREST, WHOLE, zoomed } from "../../../../viewer/components/side/zoom_pan.js"

test("the first image of each group is compared with each of the others, group by group", () => {
  const groups = [{ cells: ["a", "b", "c"] }, { cells: ["d"] }, { cells: [] }, { cells: ["e", "f"] }]
  assert.deepEqual(pairsOf(groups), [
    ["a", "b"],
    ["a", "c"],
    ["e", "f"],
  ])
})

test("what is under the pointer stays there while pictures are enlarged", () => {
  const point = { x: 0.3, y: 0.8 }
  const once = zoomed(WHOLE, 2, point)
  const twice = zoomed(once, 3, point)
  for (const { scale, x, y } of [once, twice]) {
    assert.ok(Math.abs((point.x - x) / scale - point.x) < 1e-12)
    assert.ok(Math.abs((point.y - y) / scale - point.y) < 1e-12)
  }
})

test("pictures are never smaller than their stage, nor enlarged for ever", () => {
  assert.deepEqual(zoomed(WHOLE, 0.1, { x: 0.5, y: 0.5 }), WHOLE)
  assert.equal(zoomed(WHOLE, 1e9, { x: 0.5, y: 0.5 }).scale, NEAREST)
  const near = zoomed(WHOLE, 4, { x: 0, y: 1 })
  assert.deepEqual(zoomed(near, 1e-9, { x: 1, y: 0 }), WHOLE)
})

test("a picture that is moved leaves no gap at an edge", () => {
  assert.deepEqual(moved(WHOLE, 0.2, -0.2), WHOLE)
  assert.deepEqual(moved({ scale: 2, x: -0.5, y: -0.5 }, 9, -9), { scale: 2, x: 0, y: -1 })
})
