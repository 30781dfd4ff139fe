import assert from "node:assert/strict"
import { test } from "node:test"
import {
  boxesOf,
  cardsOver,
  currentView,
  fittedView,
  glideTo,
  hiddenCorner,
  showView,
  viewAskedFor,
  viewOf,
  viewText,
  withinLimits,
} from "../../../../viewer/components/map/camera.js"
import { fakeFigure, fakePage } from "./fakes.js"

const PANE = { left: 100, right: 1100, top: 50, bottom: 550 }

test("a card hides the corner nearest to it, up to its far edges", () => {
  const upperLeft = { left: 110, right: 310, top: 60, bottom: 260 }
  assert.deepEqual(hiddenCorner(PANE, upperLeft), { left: true, top: true, x: 210, y: 210 })
  const lowerRight = { left: 1050, right: 1090, top: 400, bottom: 540 }
  assert.deepEqual(hiddenCorner(PANE, lowerRight), { left: false, top: false, x: 50, y: 150 })
})

test("a map that is not laid out has no cards", () => {
  assert.deepEqual(cardsOver(null), [])
})

test("boxes of the map grow upwards, those of the screen downwards", () => {
  const boxes = boxesOf({ x0: [0, 1], x1: [10, 2], y0: [0, 3], y1: [5, 4] })
  assert.deepEqual(boxes, [
    { left: 0, right: 10, top: -5, bottom: -0 },
    { left: 1, right: 2, top: -4, bottom: -3 },
  ])
})

test("the view that is shown is the one that was asked for", () => {
  const figure = fakeFigure()
  showView(figure, { unit: 0.02, x: 7, y: -3 })
  assert.deepEqual([figure.x_range.start, figure.x_range.end], [-3, 17])
  assert.deepEqual([figure.y_range.start, figure.y_range.end], [-8, 2])
  assert.deepEqual(currentView(figure, 1000), { unit: 0.02, x: 7, y: -3 })
})

test("the reach of what a box holds leaves at least two thirds of the pane", (t) => {
  fakePage(t)
  const box = { x0: [0], x1: [10], y0: [0], y1: [0.1] }
  const small = viewOf(fakeFigure(), { ...box, reach_x: [44], reach_y: [44] }, 1)
  assert.equal(small.unit, 10 / (1000 - 2 * 44))
  const large = viewOf(fakeFigure(), { ...box, reach_x: [900], reach_y: [900] }, 1)
  assert.ok(Math.abs(large.unit - 10 / (1000 * (2 / 3))) < 1e-12)
})

test("a view without a box to show is refused", (t) => {
  fakePage(t)
  assert.throws(() => viewOf(fakeFigure(), { x0: [], x1: [], y0: [], y1: [] }, 1), /needs a box/)
})

test("a unit beyond what the figure may show is brought to its limit", () => {
  const figure = fakeFigure()
  figure.x_range.setv({ min_interval: 1, max_interval: 30 })
  const view = { unit: 0.02, x: 1, y: 2 }
  assert.deepEqual(withinLimits(figure, view), view)
  assert.deepEqual(withinLimits(figure, { ...view, unit: 1e-9 }), { ...view, unit: 0.001 })
  assert.deepEqual(withinLimits(figure, { ...view, unit: 1e9 }), { ...view, unit: 0.03 })
})

test("the address of a view leads back to it", () => {
  const figure = fakeFigure()
  assert.equal(viewText(figure), "5,2.5,5")
  assert.deepEqual(viewAskedFor("?q=dog&at=5,2.5,5", figure), currentView(figure, 1000))
  assert.equal(viewAskedFor("?q=dog", figure), null)
  assert.equal(viewAskedFor("?at=here", figure), null)
})

test("a pane that changes size moves no map until it is fitted again", () => {
  const figure = fakeFigure()
  const first = currentView(figure, 1000)
  Object.assign(figure, { clipper_fitted: { width: 1000, height: 500, first }, inner_width: 800 })
  assert.deepEqual(fittedView(figure), first)
  assert.equal(viewText(figure), "5,2.5,5")
})

test("an address cannot ask for more than the figure may show", () => {
  const figure = fakeFigure()
  figure.x_range.setv({ min_interval: 1, max_interval: 30 })
  assert.equal(viewAskedFor("?at=0,0,1e9", figure)?.unit, 0.03)
})

test("a glide takes a third of a second and ends at its view", (t) => {
  const page = fakePage(t)
  const figure = fakeFigure()
  const to = { unit: 0.005, x: 2, y: 1 }
  glideTo(figure, to)
  page.frame(160)
  assert.ok(currentView(figure, 1000).unit > to.unit)
  page.frame(319)
  assert.notDeepEqual(currentView(figure, 1000), to)
  assert.equal(figure.clipper_flight, to)
  page.frame(320)
  assert.deepEqual(currentView(figure, 1000), to)
  assert.equal(figure.clipper_flight, null)
})

test("a person who wants less motion is there at once", (t) => {
  const page = fakePage(t, { isStill: true })
  const figure = fakeFigure()
  const to = { unit: 0.005, x: 2, y: 1 }
  glideTo(figure, to)
  page.frame(1)
  assert.deepEqual(currentView(figure, 1000), to)
})

test("a later movement takes the place of the one before", (t) => {
  const page = fakePage(t)
  const figure = fakeFigure()
  glideTo(figure, { unit: 0.005, x: 2, y: 1 })
  page.frame(100)
  const last = { unit: 0.02, x: 9, y: 9 }
  glideTo(figure, last)
  page.frame(330) // the first one would have ended by now
  assert.equal(figure.clipper_flight, last)
  page.rest()
  assert.deepEqual(currentView(figure, 1000), last)
})
