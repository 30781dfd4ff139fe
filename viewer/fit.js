// Runs in the browser whenever the plot's inner size changes: the same unit on both axes, the same place in the middle.
const w = fig.inner_width
const h = fig.inner_height
if (!(w > 0 && h > 0)) { return }
const {x_range: xr, y_range: yr} = fig
const view = home.data
const seen = fig.clipper_size
const home_unit = Math.max((view.x1[0] - view.x0[0]) / w, (view.y1[0] - view.y0[0]) / h) * padding
const unit = seen == null ? home_unit : (xr.end - xr.start) / seen.w
let cx = (xr.start + xr.end) / 2
let cy = (yr.start + yr.end) / 2
if (seen == null) {
  cx = (view.x0[0] + view.x1[0]) / 2
  cy = (view.y0[0] + view.y1[0]) / 2
}
if (seen != null && seen.w === w && seen.h === h) { return }
fig.clipper_size = {w, h}
xr.setv({min_interval: w * home_unit / deepest, max_interval: w * home_unit * widest})
yr.setv({min_interval: h * home_unit / deepest, max_interval: h * home_unit * widest})
xr.setv({start: cx - unit * w / 2, end: cx + unit * w / 2})
yr.setv({start: cy - unit * h / 2, end: cy + unit * h / 2})
