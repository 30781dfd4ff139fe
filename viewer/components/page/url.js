// The page's address: what the server says of the state, and the part of the map in view. A step that Back is to take back gets
// an entry of the history; moving the map only changes the one there is. Shows nothing.
const TICK = 400 // milliseconds between two looks at the map; an address is written when it has come to rest
const CARE = ["q", "colour", "filters", "chosen", "open", "cut", "fold", "within", "panel", "at"]
function render({model}) {
  let [before, pushes, seen] = ["", model.pushes, null]
  const figure = () => seen?.isConnected ? seen.clipper_figure : (seen = map_pane())?.clipper_figure
  const moved = (fig) => {
    const {first} = fig.clipper_seen
    const now = current(fig, fig.inner_width)
    return Math.abs(now.unit / first.unit - 1) > 1e-3 || Math.hypot(now.x - first.x, now.y - first.y) > 2 * first.unit
  }
  const address = () => {
    const others = [...new URLSearchParams(window.location.search)].filter(([name]) => !CARE.includes(name))
    const fig = figure()
    const at = fig?.clipper_seen && moved(fig) ? `at=${at_of(fig)}` : ""
    return [new URLSearchParams(others).toString(), model.search, at].filter(Boolean).join("&")
  }
  const write = (push) => {
    const search = address()
    if (search === window.location.search.slice(1)) { return }
    window.history[push ? "pushState" : "replaceState"](null, "", `${window.location.pathname}${search ? `?${search}` : ""}${window.location.hash}`)
  }
  const look = () => {
    const fig = figure()
    if (!fig?.clipper_seen || fig.clipper_flight) { return }
    const now = at_of(fig)
    if (now === before && began) { write(false) }
    before = now
  }
  let began = window.location.search === "" // until what the address asks for is shown, it stays as it is
  const take = () => { waiting = false; began = true; write(model.pushes !== pushes); pushes = model.pushes }
  let waiting = false // one message may change several of these: they are taken together
  const told = () => { if (!waiting) { waiting = true; queueMicrotask(take) } }
  const back = () => {
    const fig = figure()
    model.send_msg({kind: "went", search: window.location.search})
    if (fig?.clipper_seen) { glide(fig, asked_at(window.location.search, fig) ?? fig.clipper_seen.first) }
  }
  const timer = setInterval(look, TICK)
  window.addEventListener("popstate", back)
  model.on("search", told)
  model.on("pushes", told)
  model.on("arrivals", told)
  model.on("remove", () => { clearInterval(timer); window.removeEventListener("popstate", back) })
  return h("div", {hidden: true})
}
