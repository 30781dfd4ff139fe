import assert from "node:assert/strict"
import { test } from "node:test"
import { barHeight, beginDrag } from "../../../viewer/components/histogram.js"

test("a bar is as high as its share of the most, and never too low to be seen", () => {
  assert.equal(barHeight(50, 200), "25%")
  assert.equal(barHeight(200, 200), "100%")
  assert.equal(barHeight(1, 1000), "3%")
  assert.equal(barHeight(0, 1000), "0")
})

test("a press on an end drags it while the other end stays", () => {
  assert.deepEqual(beginDrag(3, 0, [3, 7], 10), { kind: "end", fixed: 7 })
  assert.deepEqual(beginDrag(7, 1, [3, 7], 10), { kind: "end", fixed: 3 })
  assert.deepEqual(beginDrag(0, 0, null, 10), { kind: "end", fixed: 10 })
})

test("a press within the span moves it, one elsewhere begins another", () => {
  assert.deepEqual(beginDrag(5.5, -1, [3, 7], 10), { kind: "move", at: 5.5, span: [3, 7] })
  assert.deepEqual(beginDrag(8.5, -1, [3, 7], 10), { kind: "new", fixed: 8 })
  assert.deepEqual(beginDrag(2.5, -1, [3, 7], 10), { kind: "new", fixed: 2 })
  assert.deepEqual(beginDrag(5.5, -1, null, 10), { kind: "new", fixed: 5 })
})
