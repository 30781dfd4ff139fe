// Runs in the browser on every move of the pointer over the map: tells the server where it is, twelve times a second.
const say = (inside) => {
  fig.clipper_said = performance.now()
  pointer.data = {x: [cb_obj.x], y: [cb_obj.y], inside: [inside]}
}
clearTimeout(fig.clipper_timer)
if (cb_obj.event_name === "mouseleave") {
  say(0)
} else {
  const wait = 80 - (performance.now() - (fig.clipper_said ?? 0))
  if (wait <= 0) { say(1) } else { fig.clipper_timer = setTimeout(() => say(1), wait) }
}
