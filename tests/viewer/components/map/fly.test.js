import assert from "node:assert/strict"
import { test } from "node:test"
import { currentView } from "../../../../viewer/components/map/camera.js"
import { destination, run } from "../../../../viewer/components/map/fly.js"
import { fakeFigure, fakePage, fakeSource } from "./fakes.js"

/** @import { TargetColumns } from "../../../../viewer/components/types" */

const HOME = { x0: [0], x1: [100], y0: [0], y1: [10] }

/**
 * A movement as the server sends it: the part of the map, once to fit the pane and once to be clear of the
 * cards.
 *
 * @param {Partial<TargetColumns>} columns
 * @returns {TargetColumns}
 */
function target(columns) {
  const part = { x0: [2, 2], x1: [4, 4], y0: [1, 1], y1: [2, 2] }
  return { ...part, aim: ["part"], factor: [1], stamp: [1], ...columns }
}

test("a factor below one zooms in, one above zooms out, both about the middle", (t) => {
  fakePage(t)
  const figure = fakeFigure()
  const now = currentView(figure, 1000)
  const into = destination(figure, HOME, target({ aim: ["zoom"], factor: [0.5] }), 1)
  assert.deepEqual(into, { ...now, unit: now.unit / 2 })
  const out = destination(figure, HOME, target({ aim: ["zoom"], factor: [2] }), 1)
  assert.deepEqual(out, { ...now, unit: now.unit * 2 })
})

test("home is the whole map, a part only that part", (t) => {
  fakePage(t)
  const figure = fakeFigure()
  const home = destination(figure, HOME, target({ aim: ["home"] }), 1)
  assert.deepEqual(home, { unit: 0.1, x: 50, y: 5 })
  const part = destination(figure, HOME, target({}), 1)
  assert.deepEqual(part, { unit: 0.002, x: 3, y: 1.5 })
})

test("a movement goes no deeper than the figure may", (t) => {
  const page = fakePage(t)
  const figure = fakeFigure()
  figure.x_range.setv({ min_interval: 5, max_interval: 100 })
  run({ fig: figure, home: fakeSource(HOME), target: fakeSource(target({})), padding: 1 })
  page.rest()
  assert.deepEqual(currentView(figure, 1000), { unit: 0.005, x: 3, y: 1.5 })
})

test("nothing moves before the server asks, or before the page is laid out", (t) => {
  const page = fakePage(t)
  const figures = [fakeFigure(), fakeFigure({ width: 0 })]
  const targets = [target({ stamp: [0] }), target({})]
  figures.forEach((figure, i) => {
    const before = { ...figure.x_range }
    const sources = { home: fakeSource(HOME), target: fakeSource(targets[i] ?? assert.fail()) }
    run({ fig: figure, ...sources, padding: 1 })
    page.rest()
    assert.deepEqual([figure.x_range.start, figure.x_range.end], [before.start, before.end])
  })
})
