import assert from "node:assert/strict"
import { test } from "node:test"
import { currentView, glideTo, showView } from "../../../../viewer/components/map/camera.js"
import { isAlike, nextView, run } from "../../../../viewer/components/map/fit.js"
import { fakeFigure, fakePage, fakeSource } from "./fakes.js"

/** @import { ScreenColumns } from "../../../../viewer/components/map/fit.js" */
/** @import { BoxColumns, Figure } from "../../../../viewer/components/types" */

const FIRST = { unit: 0.1, x: 50, y: 5 }
const NOW = { unit: 0.01, x: 20, y: 3 }
const STATE = {
  first: FIRST,
  now: NOW,
  limits: { least: 0.001, most: 0.3 },
  isUntouched: false,
  isResized: false,
  isInUse: false,
}

test("a map that nobody has moved goes to the new first view", () => {
  assert.deepEqual(nextView({ ...STATE, isUntouched: true }), { view: FIRST, glides: false })
})

test("it glides there only for a person who uses the page, and not when its pane changes", () => {
  const touched = { ...STATE, isUntouched: true, isInUse: true }
  assert.deepEqual(nextView(touched), { view: FIRST, glides: true })
  assert.deepEqual(nextView({ ...touched, isResized: true }), { view: FIRST, glides: false })
})

test("a map that somebody has moved keeps its place, and its unit within the limits", () => {
  assert.deepEqual(nextView({ ...STATE, isInUse: true }), { view: NOW, glides: false })
  const deep = nextView({ ...STATE, now: { ...NOW, unit: 1e-6 } })
  assert.deepEqual(deep.view, { ...NOW, unit: 0.001 })
  const wide = nextView({ ...STATE, now: { ...NOW, unit: 10 } })
  assert.deepEqual(wide.view, { ...NOW, unit: 0.3 })
})

test("views are alike while they differ by less than a pixel", () => {
  assert.ok(isAlike(FIRST, { ...FIRST }))
  assert.ok(isAlike({ ...FIRST, x: 50.09 }, FIRST))
  assert.ok(!isAlike({ ...FIRST, x: 50.11 }, FIRST))
  assert.ok(!isAlike({ ...FIRST, y: 4.89 }, FIRST))
  assert.ok(!isAlike({ ...FIRST, unit: 0.1001 }, FIRST))
})

/** @param {Figure} fig */
function fitter(fig) {
  const home = fakeSource(
    /** @type {BoxColumns} */ ({ x0: [0], x1: [100], y0: [0], y1: [10], closest: [0.000025] }),
  )
  const screen = fakeSource(/** @type {ScreenColumns} */ ({ ratio: [1], cards: [[]] }))
  const fit = () => run({ fig, home, padding: 1, widest: 3, screen })
  return { fit, home, screen }
}

test("the first fit shows the first view and sets how far one can zoom", (t) => {
  fakePage(t)
  const figure = fakeFigure()
  const { fit, screen } = fitter(figure)
  fit()
  assert.deepEqual(currentView(figure, 1000), FIRST)
  assert.deepEqual(figure.clipper_fitted, { width: 1000, height: 500, first: FIRST })
  assert.equal(figure.x_range.min_interval, 100 / 4000)
  assert.ok(Math.abs(figure.x_range.max_interval - 300) < 1e-9)
  assert.equal(figure.y_range.min_interval, 50 / 4000)
  assert.deepEqual(screen.data, { ratio: [2], cards: [[]] })
})

test("the first fit shows the part of the map that the address asks for", (t) => {
  fakePage(t, { search: "?at=20,3,5" })
  const figure = fakeFigure()
  fitter(figure).fit()
  assert.deepEqual(currentView(figure, 1000), NOW)
})

test("nothing is fitted before the page is laid out", (t) => {
  fakePage(t)
  const figure = fakeFigure({ height: 0 })
  fitter(figure).fit()
  assert.equal(figure.clipper_fitted, undefined)
})

test("a fit that changes nothing leaves the map where it is", (t) => {
  fakePage(t)
  const figure = fakeFigure()
  const { fit } = fitter(figure)
  fit()
  showView(figure, NOW)
  fit()
  assert.deepEqual(currentView(figure, 1000), NOW)
})

test("a fit that changes nothing lets a glide go on", (t) => {
  const page = fakePage(t)
  const figure = fakeFigure()
  const { fit } = fitter(figure)
  fit()
  showView(figure, NOW)
  glideTo(figure, FIRST)
  page.frame(100)
  fit()
  assert.equal(figure.clipper_flight, FIRST)
  assert.notDeepEqual(currentView(figure, 1000), FIRST)
})

test("in a pane of another size the untouched map fills it, the moved one keeps place and unit", (t) => {
  fakePage(t, { isInUse: true })
  const [untouched, moved] = [fakeFigure(), fakeFigure()]
  for (const figure of [untouched, moved]) {
    const { fit } = fitter(figure)
    fit()
    if (figure === moved) {
      showView(figure, NOW)
    }
    figure.inner_width = 500
    fit()
  }
  assert.deepEqual(currentView(untouched, 500), { unit: 0.2, x: 50, y: 5 })
  assert.deepEqual(currentView(moved, 500), NOW)
})

test("a glide away from the first view goes on when the pane changes", (t) => {
  const page = fakePage(t)
  const figure = fakeFigure()
  const { fit } = fitter(figure)
  fit()
  glideTo(figure, NOW)
  figure.inner_width = 500
  fit()
  page.rest()
  assert.deepEqual(currentView(figure, 500), NOW)
})

test("a new first view is glided to while a person uses the page", (t) => {
  const page = fakePage(t, { isInUse: true })
  const figure = fakeFigure()
  const { fit, home } = fitter(figure)
  fit()
  home.data = { x0: [0], x1: [200], y0: [0], y1: [10] }
  fit()
  assert.deepEqual(currentView(figure, 1000), FIRST)
  page.rest()
  assert.deepEqual(currentView(figure, 1000), { unit: 0.2, x: 100, y: 5 })
})
