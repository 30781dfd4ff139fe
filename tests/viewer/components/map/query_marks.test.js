import assert from "node:assert/strict"
import { test } from "node:test"
import { pixelOf } from "../../../../viewer/components/map/follow_figure.js"
import { placeButton } from "../../../../viewer/components/map/query_marks.js"
import { fakeFigure } from "./fakes.js"

test("a mark's pixel counts from the pane's upper left corner", () => {
  const figure = fakeFigure({ width: 1000, height: 500, x: [0, 10], y: [0, 5] })
  assert.deepEqual(pixelOf({ x: 2.5, y: 1 }, figure), { x: 250, y: 400 })
})

test("the button stands to the right of the words, at their middle", () => {
  const { left, top } = placeButton({ x: 300, y: 200 }, 60, 25, 1000)
  assert.deepEqual([left, top], [336, 188])
})

test("at the edge of the pane the button stays within it", () => {
  assert.equal(placeButton({ x: 980, y: 200 }, 60, 25, 1000).left, 974)
})

test("the pointer shows the button over the words, the button and the mark below them", () => {
  const { box } = placeButton({ x: 300, y: 200 }, 60, 25, 1000)
  assert.deepEqual(box, { left: 260, right: 366, top: 186, bottom: 239 })
})
