import assert from "node:assert/strict"
import { test } from "node:test"
import { cornersOf, extended, placeOf } from "../../../../viewer/components/map/lasso.js"
import { fakeFigure } from "./fakes.js"

/** @import { Drawing, Point } from "../../../../viewer/components/map/lasso.js" */

/** @type {Drawing} */
const LASSO = { tool: "lasso", pointer: 1, mode: "replace", points: [[10, 10]], isMoved: false }
/** @type {Drawing} */
const BOX = { ...LASSO, tool: "box" }

test("a lasso has the corners that were drawn, a box the four between its ends", () => {
  /** @type {Point[]} */
  const points = [
    [0, 0],
    [5, 9],
    [20, 10],
  ]
  assert.equal(cornersOf("lasso", points), points)
  assert.deepEqual(cornersOf("box", points), [
    [0, 0],
    [20, 0],
    [20, 10],
    [0, 10],
  ])
})

test("a press that moves less than four pixels is a click", () => {
  assert.equal(extended(LASSO, [13, 12]).isMoved, false)
  assert.equal(extended(LASSO, [14, 10]).isMoved, true)
  const back = extended(extended(BOX, [30, 30]), [10, 11])
  assert.equal(back.isMoved, true)
})

test("a lasso takes a point every two pixels, a box only its last", () => {
  assert.deepEqual(extended(LASSO, [11, 11]).points, [[10, 10]])
  assert.deepEqual(extended(LASSO, [12, 10]).points, [
    [10, 10],
    [12, 10],
  ])
  assert.deepEqual(extended(extended(BOX, [30, 30]), [40, 20]).points, [
    [10, 10],
    [40, 20],
  ])
})

test("a pixel's place on the map counts from the pane's upper left corner", () => {
  const figure = fakeFigure({ width: 1000, height: 500, x: [0, 10], y: [0, 5] })
  assert.deepEqual(placeOf([0, 0], figure), [0, 5])
  assert.deepEqual(placeOf([250, 400], figure), [2.5, 1])
})
