// Which view of the map shows given parts of it clear of the cards over it, and the way from one view to another.
// Plain geometry: nothing here knows the page. Axis x grows to the right and axis y downwards, as pixels do.

/** @import { MapView } from "../types" */

/** Pixels between a card and what is kept clear of it. */
export const CARD_MARGIN = 20

/** Cards are ignored where room for them would leave less than this share of the scale without them. */
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
 * The pane that shows the map: `w` by `h` pixels. The first view is `padding` times as large as what it holds; `reach` is
 * how many pixels beyond its edge a part of the map is drawn.
 *
 * @typedef {{ w: number, h: number, padding: number, reach: { x: number, y: number } }} Pane
 */

/**
 * A bound on one axis: what lies at `coordinate` of the map is shown at or after `pixel` ("from"), or at or before it ("to").
 *
 * @typedef {{ side: "from" | "to", pixel: number, coordinate: number }} Bound
 */

/** @typedef {{ x: Bound[], y: Bound[] }} Bounds */

/**
 * The largest view that holds `whole` and keeps `parts` clear of the cards; of several, the one whose middle is nearest to
 * that of the pane. Each part lies beside a card or past it, whichever serves better.
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
 * The bounds that keep an extent of the map within the pane.
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
 * Every way to keep parts clear of a card: those nearest to its edge lie beside it, the others past it.
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
 * Every choice of the first list together with every one of the second.
 *
 * @param {Bounds[]} first
 * @param {Bounds[]} second
 * @returns {Bounds[]}
 */
function combine(first, second) {
  return first.flatMap((a) => second.map((b) => ({ x: [...a.x, ...b.x], y: [...a.y, ...b.y] })))
}

/**
 * The largest scale (pixels a map unit) that keeps bounds, and where it puts the map's origin: as near as it may to where
 * `whole` would be in the middle.
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
 * The larger of two fits, or the one nearer to the middle.
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
 * The largest scale, in pixels a map unit, at which all bounds of an axis can be kept.
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
 * The offset nearest to `offset` that keeps all bounds of an axis.
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
 * The view on the way between two: slow at both ends, and turning about the one point that both show at the same pixel.
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
 * Write a view as the page's address has it: the middle, and how much of the map the pane's shorter side shows.
 *
 * @param {MapView} view
 * @param {number} shorterSide in pixels
 */
export function writeView({ unit, x, y }, shorterSide) {
  return [x, y, unit * shorterSide].map((value) => Number(value.toPrecision(6))).join(",")
}

/** Numbers beyond this are refused: the map could not be drawn there. */
const LARGEST = 1e30

/**
 * Read a view from a page's address; null where the text is not one.
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
