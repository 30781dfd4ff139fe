// Runs in the browser whenever the plot's inner size changes: the same unit on both axes, the same place in the middle.
const w = fig.inner_width
const h = fig.inner_height
if (!(w > 0 && h > 0)) { return }
const {x_range: xr, y_range: yr} = fig
const view = home.data
const seen = fig.clipper_size
const home_unit = Math.max((view.x1[0] - view.x0[0]) / w, (view.y1[0] - view.y0[0]) / h) * padding
const home_x = (view.x0[0] + view.x1[0]) / 2
const home_y = (view.y0[0] + view.y1[0]) / 2
let unit = home_unit
let cx = home_x
let cy = home_y
if (seen != null) {
  const now = (xr.end - xr.start) / seen.w
  const x = (xr.start + xr.end) / 2
  const y = (yr.start + yr.end) / 2
  const untouched = Math.abs(now / seen.home_unit - 1) < 1e-6 && Math.abs(x - home_x) + Math.abs(y - home_y) < now
  if (!untouched) { unit = now; cx = x; cy = y } // else the whole map stays in view
}
if (seen != null && seen.w === w && seen.h === h) { return }
fig.clipper_size = {w, h, home_unit}
xr.setv({min_interval: w * home_unit / deepest, max_interval: w * home_unit * widest})
yr.setv({min_interval: h * home_unit / deepest, max_interval: h * home_unit * widest})
xr.setv({start: cx - unit * w / 2, end: cx + unit * w / 2})
yr.setv({start: cy - unit * h / 2, end: cy + unit * h / 2})
