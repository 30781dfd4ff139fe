// Runs in the browser whenever the plot's inner size, a card over it or the map's first view changes: the same unit on both
// axes, the same place in the middle; a first view that nobody has moved stays the first view.
const w = fig.inner_width
const h = fig.inner_height
if (!(w > 0 && h > 0)) { return }
const tell = () => { if (screen.data.ratio[0] !== window.devicePixelRatio) { screen.data = {ratio: [window.devicePixelRatio]} } }
const watch = () => window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`).addEventListener("change", () => { tell(); watch() }, {once: true})
if (!fig.clipper_screen) { fig.clipper_screen = true; watch() } // another monitor, the same size
tell()
const pane = map_pane()
// Bokeh draws a dotted line round what has the focus, also after a click; here it is shown to whoever comes with the keyboard.
const events = Bokeh.index.find_one(fig)?.canvas_view?.events_el
if (events && !events.clipper_focus) {
  events.clipper_focus = true
  events.style.outline = "none"
  events.addEventListener("focus", () => { events.style.outline = events.matches(":focus-visible") ? "2px solid var(--c-accent)" : "none"; events.style.outlineOffset = "-4px" })
  events.addEventListener("pointerdown", () => { events.style.outline = "none" })
  events.addEventListener("blur", () => { events.style.outline = "none" })
}
if (pane) { pane.clipper_figure = fig } // what draws over the map asks it where a pixel is
fig.clipper_cards ??= {seen: new WeakSet(), watch: new ResizeObserver(() => home.properties.data.change.emit())}
for (const card of cards_over(pane)) {
  if (!fig.clipper_cards.seen.has(card)) { fig.clipper_cards.seen.add(card); fig.clipper_cards.watch.observe(card) }
}
const first = goal(fig, home.data, padding)
const seen = fig.clipper_seen
const alike = (a, b) => Math.abs(a.unit / b.unit - 1) < 1e-6 && Math.abs(a.x - b.x) + Math.abs(a.y - b.y) < a.unit
const resized = seen == null || seen.w !== w || seen.h !== h
if (!resized && first.unit === seen.first.unit && first.x === seen.first.x && first.y === seen.first.y) { return }
const [shallowest, steepest] = [first.unit * widest, first.unit / deepest]
fig.x_range.setv({min_interval: w * steepest, max_interval: w * shallowest})
fig.y_range.setv({min_interval: h * steepest, max_interval: h * shallowest})
fig.clipper_seen = {w, h, first}
const linked = seen == null ? asked_at(window.location.search, fig) : null // a link to a part of the map
if (linked) { show(fig, linked); return }
const now = seen == null ? first : current(fig, seen.w)
const untouched = seen == null || alike(fig.clipper_flight ?? now, seen.first)
if (!untouched) { // whoever has moved the map keeps the place, and the unit as far as it is allowed
  show(fig, {...now, unit: Math.min(Math.max(now.unit, steepest), shallowest)})
} else if (resized || !navigator.userActivation?.hasBeenActive) { // else somebody opened a card, and sees where the map goes
  fig.clipper_flight = null
  show(fig, first)
} else {
  glide(fig, first)
}
