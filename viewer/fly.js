// Runs in the browser when the server names a part of the map to show: glides there in a third of a second.
const w = fig.inner_width
const h = fig.inner_height
const d = target.data
if (!(w > 0 && h > 0) || d.stamp[0] === 0) { return }
const {x_range: xr, y_range: yr} = fig
const from = {unit: (xr.end - xr.start) / w, x: (xr.start + xr.end) / 2, y: (yr.start + yr.end) / 2}
const to = {unit: from.unit * d.factor[0], x: from.x, y: from.y}
if (d.factor[0] === 0) {
  to.unit = Math.max((d.x1[0] - d.x0[0]) / w, (d.y1[0] - d.y0[0]) / h) * padding
  to.x = (d.x0[0] + d.x1[0]) / 2
  to.y = (d.y0[0] + d.y1[0]) / 2
}
to.unit = Math.min(Math.max(to.unit, xr.min_interval / w), xr.max_interval / w)
const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches
const duration = still ? 1 : 320
const start = performance.now()
const mine = (fig.clipper_flight ?? 0) + 1
fig.clipper_flight = mine
const step = (now) => {
  if (fig.clipper_flight !== mine) { return }
  const t = Math.min(1, Math.max(0, now - start) / duration)
  const ease = t < 0.5 ? 4 * t * t * t : 1 - Math.pow(-2 * t + 2, 3) / 2
  const unit = from.unit * Math.pow(to.unit / from.unit, ease)
  // the point that stands still while both the place and the unit change
  const s = Math.abs(to.unit - from.unit) < 1e-9 * from.unit ? ease : (unit - from.unit) / (to.unit - from.unit)
  const x = from.x + (to.x - from.x) * s
  const y = from.y + (to.y - from.y) * s
  xr.setv({start: x - unit * w / 2, end: x + unit * w / 2})
  yr.setv({start: y - unit * h / 2, end: y + unit * h / 2})
  if (t < 1) { requestAnimationFrame(step) }
}
requestAnimationFrame(step)
