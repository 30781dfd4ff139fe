// Draws an outline over the map. It takes the pointer from the map only for a drag that draws: with a tool in hand, or with
// Shift (adds) or Alt (takes away) held. Zooming with the wheel and the card under the pointer go on as they are. Without a
// keyboard the buttons beside the tool's name say what a drag does; the tool then stays in hand, for there is more to add.
const NS = "http://www.w3.org/2000/svg"
const STILL = 4 // pixels: a press that moves less is a click
const WORDS = {lasso: "Draw around images", box: "Drag a box over images"}
const MODES = [["only", "New", "Choose these only"], ["add", "Add", "Add to what is chosen (Shift)"], ["less", "Take away", "Take away from what is chosen (Alt)"]]
const shape = (name, attributes) => {
  const el = document.createElementNS(NS, name)
  for (const [key, value] of Object.entries(attributes)) { el.setAttribute(key, value) }
  return el
}
function render({model, view}) {
  const path = shape("path", {class: "outline"})
  const svg = shape("svg", {class: "drawing", "aria-hidden": "true"})
  svg.append(path)
  const words = h("strong", {role: "status"})
  const modes = MODES.map(([key, word, title]) => h("button", {type: "button", class: "mode", title, onclick: () => { mode = key; choose() }}, word))
  const end = h("button", {type: "button", class: "mode done", title: "Put the tool away (Esc)", onclick: () => model.send_msg({kind: "end"})}, "Done")
  const hint = h("div", {class: "hint"}, words, h("div", {class: "modes", role: "group", "aria-label": "What drawing does"}, modes), end)
  let [drawing, last, mode] = [null, "lasso", "only"]
  let map_pane = null
  const pane = () => map_pane?.isConnected ? map_pane : (map_pane = inside(document, "clipper-map"))
  const how = (event) => event.altKey ? "less" : event.shiftKey ? "add" : model.tool ? mode : "only"
  const wants = (event) => event.button === 0 && event.isPrimary && (model.tool || event.shiftKey || event.altKey)
  const corners = () => {
    const {points} = drawing
    if (drawing.tool !== "box") { return points }
    const [[x0, y0], [x1, y1]] = [points[0], points.at(-1)]
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
  }
  // Bokeh sets the cursor of its own layer again on every move: only a style sheet of that layer's root outlasts it.
  const cross = h("style", {}, ".bk-events { cursor: crosshair !important; touch-action: none !important; }")
  // Else a browser takes a finger's stroke for a scroll that goes on for a while, and the tap that comes next, on whatever
  // button, ends that scroll and is no click. Only the map listens, with a tool in hand: elsewhere it would make scrolling wait.
  const touched = (event) => { if (drawing && event.cancelable) { event.preventDefault() } }
  let held = null
  const hold = (map) => {
    if (map === held) { return }
    for (const name of ["touchstart", "touchmove"]) {
      held?.removeEventListener(name, touched)
      map?.addEventListener(name, touched, {passive: false})
    }
    held = map
  }
  const point = (draws) => {
    hold(draws ? pane() : null)
    const root = draws && pane() && inside(pane().shadowRoot ?? pane(), "bk-events")?.getRootNode()
    if (root) { root.append(cross) } else { cross.remove() }
  }
  const update = () => {
    const shown = drawing && drawing.moved
    path.setAttribute("d", shown ? `M${corners().map((p) => p.join(" ")).join("L")}Z` : "")
    path.classList.toggle("less", Boolean(drawing) && drawing.how === "less")
    hint.classList.toggle("shown", Boolean(model.tool) && !shown)
    point(Boolean(model.tool || drawing))
  }
  const choose = () => modes.forEach((button, i) => button.setAttribute("aria-pressed", String(MODES[i][0] === mode)))
  const take = () => { // a tool that is taken anew begins anew
    if (!model.tool) { mode = "only" }
    words.textContent = WORDS[model.tool] ?? ""
    choose()
    update()
  }
  // Pixels within the map, and their place on it: the figure is where fit.js left it.
  const at = (event) => {
    const box = pane().getBoundingClientRect()
    return [Math.min(Math.max(event.clientX - box.left, 0), box.width), Math.min(Math.max(event.clientY - box.top, 0), box.height)]
  }
  const place = ([x, y]) => {
    const {x_range, y_range, inner_width, inner_height} = pane().clipper_figure
    return [x_range.start + x / inner_width * (x_range.end - x_range.start), y_range.end - y / inner_height * (y_range.end - y_range.start)]
  }
  const stop = (event) => { event.stopImmediatePropagation(); event.preventDefault() }
  const down = (event) => {
    const map = pane()
    if (!wants(event) || !map?.clipper_figure || !event.composedPath().includes(map)) { return }
    stop(event)
    if (model.tool) { last = model.tool }
    model.send_msg({kind: "drawing"})
    drawing = {tool: last, id: event.pointerId, how: how(event), points: [at(event)], moved: false, map}
    update()
  }
  const mouse = (event) => { if (drawing) { event.stopImmediatePropagation() } } // no card comes up while one draws
  const move = (event) => {
    if (drawing?.id !== event.pointerId) { return }
    stop(event)
    const [now, before] = [at(event), drawing.points.at(-1)]
    const first = drawing.points[0]
    drawing.moved ||= Math.hypot(now[0] - first[0], now[1] - first[1]) >= STILL
    drawing.how = how(event)
    if (Math.hypot(now[0] - before[0], now[1] - before[1]) >= 2 || drawing.tool === "box") {
      drawing.points = drawing.tool === "box" ? [first, now] : [...drawing.points, now]
    }
    update()
  }
  const up = (event) => {
    if (drawing?.id !== event.pointerId) { return }
    stop(event)
    const [was, shaped] = [drawing, corners().map(place)]
    drawing = null
    if (was.moved) { model.send_msg({kind: "drawn", how: was.how, shape: shaped, stays: mode !== "only"}) }
    else { const [x, y] = place(was.points[0]); model.send_msg({kind: "tap", how: was.how, x, y}) }
    update()
  }
  const cancel = (event) => { if (drawing?.id === event.pointerId) { drawing = null; update() } }
  const escape = (event) => { if (event.key === "Escape" && drawing) { stop(event); drawing = null; update() } }
  const listeners = [["pointerdown", down], ["pointermove", move], ["mousemove", mouse], ["pointerup", up], ["pointercancel", cancel], ["keydown", escape]]
  listeners.forEach(([name, listener]) => window.addEventListener(name, listener, {capture: true}))
  model.on("tool", take)
  model.on("remove", () => {
    listeners.forEach(([name, listener]) => window.removeEventListener(name, listener, {capture: true}))
    hold(null)
  })
  take()
  return h("div", {class: "root over"}, svg, hint)
}
