// In front of fit.js and fly.js, which say when: where a part of the map goes so that no card hides it, and the way there.
const AIR = 20 // pixels between a card and the middle of a point
const LEAST = 0.25 // no room is made for cards that would leave less than this part of the scale: somebody wants to read them
const GLIDE = 320 // milliseconds

// The cards over the map. Each hides a rectangle in a corner of the pane, `x` by `y` pixels.
const map_pane = () => inside(document, "clipper-map")
const cards_over = (map) => [...(map?.getRootNode().querySelectorAll(".legend-card, .map-buttons") ?? [])]
const covers = (map) => cards_over(map).map((card) => {
  const [pane, box] = [map.getBoundingClientRect(), card.getBoundingClientRect()]
  const left = box.left - pane.left <= pane.right - box.right
  const top = box.top - pane.top <= pane.bottom - box.bottom
  return {left, top, x: left ? box.right - pane.left : pane.right - box.left, y: top ? box.bottom - pane.top : pane.bottom - box.top}
})

// A bound {low, at, of} on one axis: the place `of` of the map is not before the pixel `at` (low), or not after it.
// `largest` is the scale (pixels a unit) that bounds allow, `nearest` the offset closest to `offset` that keeps them.
const bounds_of = (parts, low, at, [first, last]) => parts.length === 0 ? []
  : [{low, at, of: low ? Math.min(...parts.map((part) => part[first])) : Math.max(...parts.map((part) => part[last]))}]
const largest = (bounds) => {
  const [lows, highs] = [bounds.filter((b) => b.low), bounds.filter((b) => !b.low)]
  const between = (low, high) => high.of > low.of ? (high.at - low.at) / (high.of - low.of) : high.at < low.at ? 0 : Infinity
  return Math.min(...lows.flatMap((low) => highs.map((high) => between(low, high))))
}
const nearest = (bounds, scale, offset) => bounds.reduce((found, {low, at, of}) =>
  low ? Math.max(found, at - scale * of) : Math.min(found, at - scale * of), offset)

// Every way to keep parts of the map clear of a card: those that are nearest its edge go beside it, the others past it.
const ways = (card, parts, {w, h, reach}) => {
  const sorted = [...parts].sort((a, b) => card.top ? a.top - b.top : b.bottom - a.bottom)
  const [x, y] = [card.x + AIR + reach.x, card.y + AIR + reach.y]
  return Array.from({length: parts.length + 1}, (_, n) => ({
    x: bounds_of(sorted.slice(0, n), card.left, card.left ? x : w - x, ["left", "right"]),
    y: bounds_of(sorted.slice(n), card.top, card.top ? y : h - y, ["top", "bottom"]),
  }))
}
const edges = (size, reach, padding, from, to) => {
  const edge = Math.max(size * (1 - 1 / padding) / 2, reach)
  return [{low: true, at: edge, of: from}, {low: false, at: size - edge, of: to}]
}

// {unit, x, y}: the unit and the middle with which `whole` fits the pane and `parts` lie clear of the cards, as large as can be,
// then as near to the pane's middle. A single part reserves the card's width or its height, whichever costs less.
const placed = (whole, parts, cards, pane) => {
  const {w, h, padding, reach} = pane
  const frame = {
    x: edges(w, reach.x, padding, whole.left, whole.right),
    y: edges(h, reach.y, padding, whole.top, whole.bottom),
  }
  const tried = ({x, y}) => {
    const scale = Math.min(largest(x), largest(y))
    const middle = {x: (w - scale * (whole.left + whole.right)) / 2, y: (h - scale * (whole.top + whole.bottom)) / 2}
    const offset = {x: nearest(x, scale, middle.x), y: nearest(y, scale, middle.y)}
    return {scale, offset, shift: Math.hypot(offset.x - middle.x, offset.y - middle.y)}
  }
  const better = (a, b) => Math.abs(a.scale - b.scale) > 1e-9 * a.scale ? b.scale > a.scale : b.shift < a.shift
  const plain = tried(frame)
  const best = cards
    .map((card) => ways(card, parts, pane))
    .reduce((found, more) => found.flatMap((a) => more.map((b) => ({x: [...a.x, ...b.x], y: [...a.y, ...b.y]}))), [frame])
    .map(tried).reduce((a, b) => better(a, b) ? b : a)
  const {scale, offset} = best.scale < LEAST * plain.scale ? plain : best
  return {unit: 1 / scale, x: (w / 2 - offset.x) / scale, y: (offset.y - h / 2) / scale}
}
// The same for the rows of a source: the first is to fit the pane, the others are to be clear of the cards.
const goal = (fig, data, padding) => {
  const [w, h] = [fig.inner_width, fig.inner_height]
  const reach = {x: Math.min(data.reach_x?.[0] ?? 0, w / 6), y: Math.min(data.reach_y?.[0] ?? 0, h / 6)}
  const rows = Array.from(data.x0, (x0, i) => ({left: x0, right: data.x1[i], top: -data.y1[i], bottom: -data.y0[i]}))
  return placed(rows[0], rows.slice(1), covers(map_pane()), {w, h, padding, reach})
}

const current = ({x_range, y_range}, w) => ({
  unit: (x_range.end - x_range.start) / w, x: (x_range.start + x_range.end) / 2, y: (y_range.start + y_range.end) / 2,
})
const show = (fig, {unit, x, y}) => {
  const [w, h] = [fig.inner_width, fig.inner_height]
  fig.x_range.setv({start: x - unit * w / 2, end: x + unit * w / 2})
  fig.y_range.setv({start: y - unit * h / 2, end: y + unit * h / 2})
}
// The part of the map in view as the page's address has it: the middle, and how much the pane's shorter side shows.
const at_of = (fig) => {
  const [w, h] = [fig.inner_width, fig.inner_height]
  const {unit, x, y} = current(fig, w)
  return [x, y, unit * Math.min(w, h)].map((value) => Number(value.toPrecision(6))).join(",")
}
const asked_at = (search, fig) => {
  const told = new URLSearchParams(search).get("at")
  const [x, y, extent] = (told ?? "").split(",").map((text) => text.trim() === "" ? NaN : Number(text))
  const [w, h] = [fig.inner_width, fig.inner_height]
  if (![x, y, extent].every((value) => Number.isFinite(value) && Math.abs(value) < 1e30) || !(extent > 0)) { return null }
  const {min_interval, max_interval} = fig.x_range
  return {unit: Math.min(Math.max(extent / Math.min(w, h), min_interval / w), max_interval / w), x, y}
}
const glide = (fig, to) => {
  const from = current(fig, fig.inner_width)
  const duration = window.matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : GLIDE
  const start = performance.now()
  fig.clipper_flight = to
  const step = (now) => {
    if (fig.clipper_flight !== to) { return }
    const t = Math.min(1, Math.max(0, now - start) / duration)
    const ease = t < 0.5 ? 4 * t * t * t : 1 - Math.pow(-2 * t + 2, 3) / 2
    const unit = from.unit * Math.pow(to.unit / from.unit, ease)
    // the point that stands still while both the place and the unit change
    const s = Math.abs(to.unit - from.unit) < 1e-9 * from.unit ? ease : (unit - from.unit) / (to.unit - from.unit)
    show(fig, t < 1 ? {unit, x: from.x + (to.x - from.x) * s, y: from.y + (to.y - from.y) * s} : to)
    if (t < 1) { requestAnimationFrame(step) } else { fig.clipper_flight = null }
  }
  requestAnimationFrame(step)
}
