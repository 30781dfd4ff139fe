// Runs in the browser whenever the plot's inner size or the map's first view changes: the same unit on both axes, the
// same place in the middle; a first view that nobody has moved stays the first view.
const w = fig.inner_width
const h = fig.inner_height
if (!(w > 0 && h > 0)) { return }
const {x_range: xr, y_range: yr} = fig
const view = home.data
const seen = fig.clipper_size
const home_unit = Math.max((view.x1[0] - view.x0[0]) / w, (view.y1[0] - view.y0[0]) / h) * padding
const home_x = (view.x0[0] + view.x1[0]) / 2
const home_y = (view.y0[0] + view.y1[0]) / 2
const same_home = seen != null && seen.home_unit === home_unit && seen.home_x === home_x && seen.home_y === home_y
if (same_home && seen.w === w && seen.h === h) { return }
const [shallowest, steepest] = [home_unit * widest, home_unit / deepest]
let unit = home_unit
let cx = home_x
let cy = home_y
if (seen != null) {
  const now = (xr.end - xr.start) / seen.w
  const x = (xr.start + xr.end) / 2
  const y = (yr.start + yr.end) / 2
  const untouched = Math.abs(now / seen.home_unit - 1) < 1e-6 && Math.abs(x - seen.home_x) + Math.abs(y - seen.home_y) < now
  if (!untouched) { unit = Math.min(Math.max(now, steepest), shallowest); cx = x; cy = y } // else the whole map stays in view
}
fig.clipper_size = {w, h, home_unit, home_x, home_y}
xr.setv({min_interval: w * steepest, max_interval: w * shallowest})
yr.setv({min_interval: h * steepest, max_interval: h * shallowest})
xr.setv({start: cx - unit * w / 2, end: cx + unit * w / 2})
yr.setv({start: cy - unit * h / 2, end: cy + unit * h / 2})
