// Runs in the browser when the server names a part of the map to show: glides there in a third of a second.
const w = fig.inner_width
const h = fig.inner_height
const d = target.data
if (!(w > 0 && h > 0) || d.stamp[0] === 0) { return }
const now = current(fig, w)
const to = d.aim[0] === "zoom" ? {...now, unit: now.unit * d.factor[0]} : goal(fig, d.aim[0] === "home" ? home.data : d, padding)
const {min_interval, max_interval} = fig.x_range
glide(fig, {...to, unit: Math.min(Math.max(to.unit, min_interval / w), max_interval / w)})
