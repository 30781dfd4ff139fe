import assert from "node:assert/strict"
import { test } from "node:test"
import { similarityAt } from "../../../../viewer/components/map/map_scale.js"
import { frameOf, placeOf } from "../../../../viewer/components/map/minimap.js"

const WHOLE = { x0: 0, x1: 100, y0: 0, y1: 50, width: 120, height: 60 }

/**
 * @param {number} x0
 * @param {number} x1
 * @param {number} y0
 * @param {number} y1
 */
function view(x0, x1, y0, y1) {
  const ends = { min_interval: 0, max_interval: 0, change: /** @type {any} */ (null), setv: () => {} }
  return { x_range: { start: x0, end: x1, ...ends }, y_range: { start: y0, end: y1, ...ends } }
}

test("a distance means what was measured for it, and something between its neighbours' figures", () => {
  /** @type {[number[], number[]]} */
  const scale = [
    [8, 4, 2],
    [0.1, 0.3, 0.7],
  ]
  assert.equal(similarityAt(scale, 8), 0.1)
  assert.equal(similarityAt(scale, 4), 0.3)
  assert.ok(Math.abs((similarityAt(scale, Math.sqrt(8)) ?? 0) - 0.5) < 1e-9)
})

test("a distance that was not measured means nothing", () => {
  assert.equal(
    similarityAt(
      [
        [8, 4],
        [0.1, 0.3],
      ],
      9,
    ),
    null,
  )
  assert.equal(
    similarityAt(
      [
        [8, 4],
        [0.1, 0.3],
      ],
      3.9,
    ),
    null,
  )
  assert.equal(similarityAt([], 1), null)
  assert.equal(similarityAt([[], []], 1), null)
})

test("the frame shows the part in view", () => {
  assert.deepEqual(frameOf(view(25, 75, 0, 25), WHOLE), { left: 30, top: 30, width: 60, height: 30 })
})

test("without anything out of view there is no frame", () => {
  assert.equal(frameOf(view(-10, 110, -10, 60), WHOLE), null)
  assert.equal(frameOf(view(2, 98, 1, 49), WHOLE), null)
})

test("a part too small to be seen has a frame around its middle", () => {
  const frame = frameOf(view(50, 50.1, 25, 25.1), WHOLE)
  assert.ok(frame && frame.width === 8 && frame.height === 8)
  assert.ok(Math.abs(frame.left + 4 - 60) < 0.1)
})

test("a pixel of the small map is a place on the map", () => {
  assert.deepEqual(placeOf({ x: 60, y: 15 }, WHOLE), { x: 50, y: 37.5 })
})
