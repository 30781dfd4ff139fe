// Reads the view of the map's figure, changes it, and moves it smoothly.

import { mapPaneOf } from "../find.js"
import { clamp } from "../numbers.js"
import { frameParts, readView, viewBetween, writeView } from "./framing.js"

/** @import { Box, Card } from "./framing.js" */
/** @import { BoxColumns, Figure, MapPane, MapView } from "../types" */

/** Duration of a movement, in milliseconds. */
const GLIDE = 320

/**
 * Return the cards that lie over the map.
 *
 * @param {MapPane | null} pane
 * @returns {Element[]}
 */
export function cardsOver(pane) {
  if (!pane) {
    return []
  }
  const root = pane.getRootNode()
  const isWhole = root instanceof ShadowRoot || root instanceof Document
  return isWhole ? [...root.querySelectorAll(".legend-card, .map-buttons, .title-over")] : []
}

/**
 * Return what lies over the map and may hide a name: the cards, and the small map while it is shown.
 *
 * @param {MapPane | null} pane
 * @returns {Element[]}
 */
export function coversOver(pane) {
  const root = pane?.getRootNode()
  const guide = root instanceof ShadowRoot ? root.querySelector(".guide-over")?.shadowRoot : null
  return [...cardsOver(pane), ...(guide?.querySelectorAll(".minimap:not([hidden])") ?? [])]
}

/**
 * Return the corner of the map that each card hides.
 *
 * @param {MapPane | null} pane
 * @returns {Card[]}
 */
function hiddenCorners(pane) {
  return pane
    ? cardsOver(pane).map((card) => hiddenCorner(pane.getBoundingClientRect(), card.getBoundingClientRect()))
    : []
}

/**
 * Return the corner of a pane that a card hides, up to the card's far edges.
 *
 * @param {Box} pane
 * @param {Box} card
 * @returns {Card}
 */
export function hiddenCorner(pane, card) {
  const left = card.left - pane.left <= pane.right - card.right
  const top = card.top - pane.top <= pane.bottom - card.bottom
  return {
    left,
    top,
    x: left ? card.right - pane.left : pane.right - card.left,
    y: top ? card.bottom - pane.top : pane.bottom - card.top,
  }
}

/**
 * Return the view that shows the boxes of a source: the first fits the pane, the others are clear of the
 * cards.
 *
 * @param {Figure} fig
 * @param {BoxColumns} boxes
 * @param {number} padding
 */
export function viewOf(fig, boxes, padding) {
  const [whole, ...parts] = boxesOf(boxes)
  if (!whole) {
    throw new Error("a view needs a box to show")
  }
  const { inner_width: w, inner_height: h } = fig
  return frameParts(whole, parts, hiddenCorners(mapPaneOf(fig)), {
    w,
    h,
    padding,
    reach: reachOf(boxes, w, h),
  })
}

/**
 * Return the boxes of a source. Their y axis points upwards in the source and downwards in the result, as for
 * pixels.
 *
 * @param {BoxColumns} columns
 * @returns {Box[]}
 */
export function boxesOf({ x0, x1, y0, y1 }) {
  return Array.from(x0, (left, i) => ({
    left,
    right: x1[i] ?? left,
    top: -(y1[i] ?? 0),
    bottom: -(y0[i] ?? 0),
  }))
}

/**
 * @param {BoxColumns} boxes
 * @param {number} w
 * @param {number} h
 */
function reachOf({ reach_x, reach_y }, w, h) {
  return { x: Math.min(reach_x?.[0] ?? 0, w / 6), y: Math.min(reach_y?.[0] ?? 0, h / 6) }
}

/**
 * Return the view that a figure shows in a pane of the given width.
 *
 * @param {Figure} fig
 * @param {number} width
 * @returns {MapView}
 */
export function currentView({ x_range, y_range }, width) {
  return {
    unit: (x_range.end - x_range.start) / width,
    x: (x_range.start + x_range.end) / 2,
    y: (y_range.start + y_range.end) / 2,
  }
}

/**
 * Show a view at once.
 *
 * @param {Figure} fig
 * @param {MapView} view
 */
export function showView(fig, { unit, x, y }) {
  const halfWidth = (unit * fig.inner_width) / 2
  const halfHeight = (unit * fig.inner_height) / 2
  fig.x_range.setv({ start: x - halfWidth, end: x + halfWidth })
  fig.y_range.setv({ start: y - halfHeight, end: y + halfHeight })
}

/**
 * Move smoothly to a view. A later movement replaces this one.
 *
 * @param {Figure} fig
 * @param {MapView} to
 */
export function glideTo(fig, to) {
  const from = currentView(fig, fig.inner_width)
  const isStill = window.matchMedia("(prefers-reduced-motion: reduce)").matches
  const duration = isStill ? 1 : GLIDE
  const start = performance.now()
  fig.clipper_flight = to
  /** @param {number} now */
  const step = (now) => {
    if (fig.clipper_flight !== to) {
      return
    }
    const progress = Math.min(1, Math.max(0, now - start) / duration)
    showView(fig, viewBetween(from, to, progress))
    if (progress < 1) {
      requestAnimationFrame(step)
    } else {
      fig.clipper_flight = null
    }
  }
  requestAnimationFrame(step)
}

/**
 * Return a view with its unit brought within the figure's limits.
 *
 * @param {Figure} fig
 * @param {MapView} view
 * @returns {MapView}
 */
export function withinLimits({ x_range, inner_width }, view) {
  const { min_interval, max_interval } = x_range
  return { ...view, unit: clamp(view.unit, min_interval / inner_width, max_interval / inner_width) }
}

/**
 * Return the view that a figure shows. While its pane changes size, this is the view in the pane as it was last
 * fitted: the figure has its new size a moment before its ranges follow, and nobody has moved the map.
 *
 * @param {Figure} fig
 */
export function fittedView(fig) {
  return currentView(fig, fittedSize(fig).width)
}

/**
 * Return the view in the form that the page's address contains.
 *
 * @param {Figure} fig
 */
export function viewText(fig) {
  return writeView(fittedView(fig), shorterSide(fittedSize(fig)))
}

/**
 * Return the view that an address asks for; null if it asks for none.
 *
 * @param {string} search the address after its "?"
 * @param {Figure} fig
 */
export function viewAskedFor(search, fig) {
  const text = new URLSearchParams(search).get("at")
  const view =
    text === null ? null : readView(text, shorterSide({ width: fig.inner_width, height: fig.inner_height }))
  return view && withinLimits(fig, view)
}

/** @param {Figure} fig */
function fittedSize({ clipper_fitted, inner_width, inner_height }) {
  return clipper_fitted ?? { width: inner_width, height: inner_height }
}

/** @param {{ width: number, height: number }} size */
function shorterSide({ width, height }) {
  return Math.min(width, height)
}
