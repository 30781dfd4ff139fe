// Computes the view that shows parts of the map clear of the cards over it, and the views between two others.
// Also writes a view as text. This is plain geometry and knows nothing of the page. The x axis points right
// and the y axis down, as for pixels; only a MapView has the map's own y axis, which points up.

/** @import { MapView } from "../types" */

/** Pixels between a card and the parts that are kept clear of it. */
export const CARD_MARGIN = 20

/** If room for the cards would shrink the map below this share of its scale, the cards are ignored. */
export const LEAST_SCALE = 0.25

/**
 * A rectangle of the map, in map units.
 *
 * @typedef {{ left: number, right: number, top: number, bottom: number }} Box
 */

/**
 * A card over the map. It hides `x` by `y` pixels of the corner that `left` and `top` name.
 *
 * @typedef {{ left: boolean, top: boolean, x: number, y: number }} Card
 */

/**
 * The pane that shows the map: `w` by `h` pixels. A view is `padding` times as large as its content. `reach`
 * is the number of pixels by which a part of the map is drawn beyond its edge.
 *
 * @typedef {{ w: number, h: number, padding: number, reach: { x: number, y: number } }} Pane
 */

/**
 * A bound on one axis: the map's `coordinate` must be shown at or after `pixel` ("from"), or at or before it
 * ("to").
 *
 * @typedef {{ side: "from" | "to", pixel: number, coordinate: number }} Bound
 */

/** @typedef {{ x: Bound[], y: Bound[] }} Bounds */

/**
 * Return the view with the largest scale that holds `whole` and keeps `parts` clear of the cards. Of several
 * views with that scale, it is the one nearest to the pane's middle. Each part may lie beside a card, or
 * above or below it.
 *
 * @param {Box} whole
 * @param {Box[]} parts
 * @param {Card[]} cards
 * @param {Pane} pane
 * @returns {MapView}
 */
export function frameParts(whole, parts, cards, pane) {
  const plain = {
    x: edgeBounds(pane.w, pane.reach.x, pane.padding, [whole.left, whole.right]),
    y: edgeBounds(pane.h, pane.reach.y, pane.padding, [whole.top, whole.bottom]),
  }
  const withoutCards = fitBounds(plain, whole, pane)
  const choices = cards.reduce((found, card) => combine(found, waysPast(card, parts, pane)), [plain])
  const best = choices.map((bounds) => fitBounds(bounds, whole, pane)).reduce(better)
  const { scale, offset } = best.scale < LEAST_SCALE * withoutCards.scale ? withoutCards : best
  return { unit: 1 / scale, x: (pane.w / 2 - offset.x) / scale, y: (offset.y - pane.h / 2) / scale }
}

/**
 * Return the bounds that keep an extent of the map within the pane.
 *
 * @param {number} size of the pane on this axis
 * @param {number} reach
 * @param {number} padding
 * @param {[number, number]} extent
 * @returns {Bound[]}
 */
function edgeBounds(size, reach, padding, [from, to]) {
  const margin = Math.max((size * (1 - 1 / padding)) / 2, reach)
  return [
    { side: "from", pixel: margin, coordinate: from },
    { side: "to", pixel: size - margin, coordinate: to },
  ]
}

/**
 * Return every way to keep parts clear of a card: the parts nearest to its edge of the pane lie beside it,
 * the others above or below it.
 *
 * @param {Card} card
 * @param {Box[]} parts
 * @param {Pane} pane
 * @returns {Bounds[]}
 */
function waysPast(card, parts, { w, h, reach }) {
  const sorted = [...parts].sort((a, b) => (card.top ? a.top - b.top : b.bottom - a.bottom))
  const x = card.x + CARD_MARGIN + reach.x
  const y = card.y + CARD_MARGIN + reach.y
  return Array.from({ length: parts.length + 1 }, (_, count) => {
    const beside = sorted.slice(0, count)
    const past = sorted.slice(count)
    return {
      x: card.left ? boundFrom(x, beside, "left") : boundTo(w - x, beside, "right"),
      y: card.top ? boundFrom(y, past, "top") : boundTo(h - y, past, "bottom"),
    }
  })
}

/**
 * @param {number} pixel
 * @param {Box[]} parts
 * @param {"left" | "top"} edge
 * @returns {Bound[]}
 */
function boundFrom(pixel, parts, edge) {
  const coordinate = Math.min(...parts.map((part) => part[edge]))
  return parts.length === 0 ? [] : [{ side: "from", pixel, coordinate }]
}

/**
 * @param {number} pixel
 * @param {Box[]} parts
 * @param {"right" | "bottom"} edge
 * @returns {Bound[]}
 */
function boundTo(pixel, parts, edge) {
  const coordinate = Math.max(...parts.map((part) => part[edge]))
  return parts.length === 0 ? [] : [{ side: "to", pixel, coordinate }]
}

/**
 * Combine every choice of the first list with every choice of the second.
 *
 * @param {Bounds[]} first
 * @param {Bounds[]} second
 * @returns {Bounds[]}
 */
function combine(first, second) {
  return first.flatMap((a) => second.map((b) => ({ x: [...a.x, ...b.x], y: [...a.y, ...b.y] })))
}

/**
 * Return the largest scale (pixels per map unit) within the bounds, and the pixel of the map's origin that
 * brings `whole` as near to the pane's middle as the bounds allow.
 *
 * @param {Bounds} bounds
 * @param {Box} whole
 * @param {Pane} pane
 */
function fitBounds(bounds, whole, { w, h }) {
  const scale = Math.min(largestScale(bounds.x), largestScale(bounds.y))
  const middle = {
    x: (w - scale * (whole.left + whole.right)) / 2,
    y: (h - scale * (whole.top + whole.bottom)) / 2,
  }
  const offset = {
    x: nearestOffset(bounds.x, scale, middle.x),
    y: nearestOffset(bounds.y, scale, middle.y),
  }
  return { scale, offset, shift: Math.hypot(offset.x - middle.x, offset.y - middle.y) }
}

/** @typedef {ReturnType<typeof fitBounds>} Fit */

/**
 * Return the fit with the larger scale; of equal scales, the one nearer to the middle.
 *
 * @param {Fit} a
 * @param {Fit} b
 */
function better(a, b) {
  const sameScale = Math.abs(a.scale - b.scale) <= 1e-9 * a.scale
  const isBetter = sameScale ? b.shift < a.shift : b.scale > a.scale
  return isBetter ? b : a
}

/**
 * Return the largest scale, in pixels per map unit, at which all bounds of an axis hold.
 *
 * @param {Bound[]} bounds
 */
function largestScale(bounds) {
  const from = bounds.filter(({ side }) => side === "from")
  const to = bounds.filter(({ side }) => side === "to")
  const scales = from.flatMap((low) => to.map((high) => scaleBetween(low, high)))
  return Math.min(...scales)
}

/**
 * @param {Bound} from
 * @param {Bound} to
 */
function scaleBetween(from, to) {
  if (to.coordinate > from.coordinate) {
    return (to.pixel - from.pixel) / (to.coordinate - from.coordinate)
  }
  return to.pixel < from.pixel ? 0 : Number.POSITIVE_INFINITY
}

/**
 * Return the offset nearest to `offset` at which all bounds of an axis hold.
 *
 * @param {Bound[]} bounds
 * @param {number} scale
 * @param {number} offset
 */
function nearestOffset(bounds, scale, offset) {
  return bounds.reduce((found, { side, pixel, coordinate }) => {
    const limit = pixel - scale * coordinate
    return side === "from" ? Math.max(found, limit) : Math.min(found, limit)
  }, offset)
}

/**
 * Return a view on the way between two. The movement starts and ends slowly; when it zooms, the one point
 * that both views show at the same pixel stays there.
 *
 * @param {MapView} from
 * @param {MapView} to
 * @param {number} progress from 0 to 1
 * @returns {MapView}
 */
export function viewBetween(from, to, progress) {
  if (progress >= 1) {
    return to
  }
  const eased = progress < 0.5 ? 4 * progress ** 3 : 1 - (2 - 2 * progress) ** 3 / 2
  const unit = from.unit * (to.unit / from.unit) ** eased
  const sameUnit = Math.abs(to.unit - from.unit) < 1e-9 * from.unit
  const share = sameUnit ? eased : (unit - from.unit) / (to.unit - from.unit)
  return { unit, x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share }
}

/**
 * Write a view as text: its middle, and the extent of the map along the pane's shorter side.
 *
 * @param {MapView} view
 * @param {number} shorterSide in pixels
 */
export function writeView({ unit, x, y }, shorterSide) {
  return [x, y, unit * shorterSide].map((value) => Number(value.toPrecision(6))).join(",")
}

/** Larger numbers are refused, because the map could not be drawn there. */
const LARGEST = 1e30

/**
 * Parse a view; return null if the text is not one.
 *
 * @param {string} text
 * @param {number} shorterSide in pixels
 * @returns {MapView | null}
 */
export function readView(text, shorterSide) {
  const [x, y, extent] = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)))
  if (!(isUsable(x) && isUsable(y) && isUsable(extent) && extent > 0)) {
    return null
  }
  return { unit: extent / shorterSide, x, y }
}

/**
 * @param {number | undefined} value
 * @returns {value is number}
 */
function isUsable(value) {
  return value !== undefined && Number.isFinite(value) && Math.abs(value) < LARGEST
}
