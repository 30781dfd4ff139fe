// Runs whenever the map's pane, a card over it or the first view changes. Fits the map to its pane, with the
// same unit on both axes. If nobody has moved the map, it shows the first view; otherwise it keeps its place.

import { mapPaneOf } from "../find.js"
import { clamp } from "../numbers.js"
import { cardsOver, fittedView, glideTo, showView, viewAskedFor, viewOf } from "./camera.js"

/** However few images a map has, it can be shown so many times larger than in the first view. */
const LEAST_ZOOM = 4

/** The name of the figure of a map beside the page's own: the address holds the view of the page's map. */
const BESIDE = "beside"

/** @typedef {{ ratio: number[], cards: number[][][] }} ScreenColumns */

/** @import { BoxColumns, Figure, MapPane, MapView, Source } from "../types" */

/**
 * @param {object} args
 * @param {Figure} args.fig
 * @param {Source<BoxColumns>} args.home the first view
 * @param {number} args.padding
 * @param {number} args.widest how many times smaller than in the first view the map may be shown
 * @param {Source<ScreenColumns>} args.screen how many pixels of the screen a pixel of the page has, and where
 *   cards lie over the map
 */
export function run({ fig, home, padding, widest, screen }) {
  const { inner_width: width, inner_height: height } = fig
  if (!(width > 0 && height > 0)) {
    return
  }
  const pane = mapPaneOf(fig)
  watchScreen(fig, screen)
  sendCards(pane, screen)
  if (pane) {
    pane.clipper_figure = fig
  }
  showFocusOfKeyboardOnly(fig)
  watchCards(fig, pane, home)
  const before = fig.clipper_fitted
  const first = viewOf(fig, home.data, padding)
  const isResized = before?.width !== width || before.height !== height
  if (!isResized && isSameView(first, before.first)) {
    return
  }
  const closest = home.data.closest?.[0] ?? 0
  const usual = { least: Math.min(first.unit / LEAST_ZOOM, closest), most: first.unit * widest }
  if (!before) {
    setLimits(fig, usual)
    fig.clipper_fitted = { width, height, first }
    showView(fig, askedFor(fig) ?? first)
    return
  }
  const now = fittedView(fig) // before the limits, which may change what is shown
  const isUntouched = isAlike(fig.clipper_flight ?? now, before.first)
  const limits = isUntouched || isResized ? usual : widened(usual, now.unit)
  setLimits(fig, limits)
  fig.clipper_fitted = { width, height, first }
  const isInUse = navigator.userActivation?.hasBeenActive ?? false
  const next = nextView({ first, now, limits, isUntouched, isResized, isInUse })
  if (next.glides) {
    glideTo(fig, next.view)
    return
  }
  if (isUntouched) {
    fig.clipper_flight = null
  }
  showView(fig, next.view)
}

/**
 * Return the view that the address asks for; null without one, and for a map beside the page's own.
 *
 * @param {Figure} fig
 */
function askedFor(fig) {
  return fig.name === BESIDE ? null : viewAskedFor(window.location.search, fig)
}

/**
 * @param {Figure} fig
 * @param {{ least: number, most: number }} limits of the map units in a pixel
 */
function setLimits(fig, { least, most }) {
  const { inner_width: width, inner_height: height } = fig
  fig.x_range.setv({ min_interval: width * least, max_interval: width * most })
  fig.y_range.setv({ min_interval: height * least, max_interval: height * most })
}

/**
 * Return limits that hold a unit: a new version has other limits, and yet nobody's view changes.
 *
 * @param {{ least: number, most: number }} limits
 * @param {number} unit
 */
function widened({ least, most }, unit) {
  return { least: Math.min(least, unit), most: Math.max(most, unit) }
}

/**
 * Return the view to show after a change, and whether to glide there. An untouched map shows the new first
 * view, any other map keeps its view. The map glides only after a person has used the page: they may have
 * opened a card, and should see where the map goes.
 *
 * @param {object} state
 * @param {MapView} state.first
 * @param {MapView} state.now
 * @param {{ least: number, most: number }} state.limits of the unit
 * @param {boolean} state.isUntouched
 * @param {boolean} state.isResized
 * @param {boolean} state.isInUse whether a person has touched the page
 * @returns {{ view: MapView, glides: boolean }}
 */
export function nextView({ first, now, limits, isUntouched, isResized, isInUse }) {
  if (isUntouched) {
    return { view: first, glides: isInUse && !isResized }
  }
  return { view: { ...now, unit: clamp(now.unit, limits.least, limits.most) }, glides: false }
}

/**
 * @param {MapView} a
 * @param {MapView} b
 */
function isSameView(a, b) {
  return a.unit === b.unit && a.x === b.x && a.y === b.y
}

/**
 * Return whether two views differ by less than a pixel.
 *
 * @param {MapView} a
 * @param {MapView} b
 */
export function isAlike(a, b) {
  return Math.abs(a.unit / b.unit - 1) < 1e-6 && Math.abs(a.x - b.x) + Math.abs(a.y - b.y) < a.unit
}

/**
 * Send the server the screen's pixel ratio, now and whenever the page moves to another screen.
 *
 * @param {Figure} fig
 * @param {Source<ScreenColumns>} screen
 */
function watchScreen(fig, screen) {
  const send = () => {
    if (screen.data.ratio[0] !== window.devicePixelRatio) {
      screen.data = { ...screen.data, ratio: [window.devicePixelRatio] }
    }
  }
  const watch = () => {
    const changed = () => {
      send()
      watch()
    }
    const query = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`)
    query.addEventListener("change", changed, { once: true })
  }
  if (!fig.clipper_watches_screen) {
    fig.clipper_watches_screen = true
    watch()
  }
  send()
}

/**
 * Send the server where cards lie over the map, in pixels of its pane, whenever that has changed.
 *
 * @param {MapPane | null} pane
 * @param {Source<ScreenColumns>} screen
 */
function sendCards(pane, screen) {
  if (!pane) {
    return
  }
  const { left, top } = pane.getBoundingClientRect()
  const cards = cardsOver(pane).map((card) => {
    const box = card.getBoundingClientRect()
    return [box.left - left, box.right - left, box.top - top, box.bottom - top].map(Math.round)
  })
  if (JSON.stringify(cards) !== JSON.stringify(screen.data.cards[0])) {
    screen.data = { ...screen.data, cards: [cards] }
  }
}

/**
 * Outline the focused map only if the focus came by the keyboard. Bokeh draws a dotted line after a click,
 * too.
 *
 * @param {Figure} fig
 */
function showFocusOfKeyboardOnly(fig) {
  const events = Bokeh.index.find_one(fig)?.canvas_view?.events_el
  if (!events || events.clipper_focus) {
    return
  }
  const hide = () => {
    events.style.outline = "none"
  }
  const show = () => {
    events.style.outline = events.matches(":focus-visible") ? "2px solid var(--c-accent)" : "none"
    events.style.outlineOffset = "-4px"
  }
  events.clipper_focus = true
  hide()
  events.addEventListener("focus", show)
  events.addEventListener("pointerdown", hide)
  events.addEventListener("blur", hide)
}

/**
 * Fit the map again whenever a card over it changes size.
 *
 * @param {Figure} fig
 * @param {MapPane | null} pane
 * @param {Source<BoxColumns>} home
 */
function watchCards(fig, pane, home) {
  fig.clipper_cards ??= {
    seen: new WeakSet(),
    observer: new ResizeObserver(() => home.properties.data.change.emit()),
  }
  const { seen, observer } = fig.clipper_cards
  for (const card of cardsOver(pane)) {
    if (!seen.has(card)) {
      seen.add(card)
      observer.observe(card)
    }
  }
}
