// Over the map, beside the words of each query's mark: a button that takes the mark away.
const FONT = '700 12.5px "Inter Variable", system-ui, sans-serif' // as overlays.py has the words drawn
const PADDING = 8 // pixels beside the words
const SIZE = 24
const HALF = 14 // pixels from the middle of the words within which the pointer is at them
const LAID_OUT = 200 // milliseconds between two looks whether the map is laid out
const pen = document.createElement("canvas").getContext("2d")
const width_of = (text) => { pen.font = FONT; return pen.measureText(text).width }
function render({model, view}) {
  const root = h("div", {class: "root over"})
  const buttons = new Map() // by query: one that stays keeps its focus
  let [fig, timer, waiting] = [null, null, false]
  const figure = () => {
    const found = inside(document, "clipper-map")?.clipper_figure ?? null
    if (found && found !== fig) {
      fig = found
      for (const ends of [fig.x_range, fig.y_range]) { ends.change.connect(soon) }
    }
    return fig
  }
  const place = () => {
    waiting = false
    if (model.marks.length > 0 && !figure()) { clearTimeout(timer); timer = setTimeout(place, LAID_OUT); return }
    for (const {text, label, x, y} of model.marks) {
      const {x_range, y_range, inner_width: w, inner_height: h} = fig
      const at = {x: (x - x_range.start) / (x_range.end - x_range.start) * w, y: (y_range.end - y) / (y_range.end - y_range.start) * h - model.raised}
      const half = width_of(label) / 2 + PADDING
      const button = buttons.get(text)
      button.clipper_box = {left: at.x - half - 2, right: at.x + half + SIZE + 4, top: at.y - HALF, bottom: at.y + model.raised + HALF}
      const left = Math.min(at.x + half - 2, w - SIZE - 2) // words at the map's edge keep theirs within it
      button.hidden = at.x < 0 || at.x > w || at.y < 0 || at.y > h
      button.style.transform = `translate(${Math.round(left)}px, ${Math.round(at.y - SIZE / 2)}px)`
    }
  }
  const soon = () => { if (!waiting) { waiting = true; requestAnimationFrame(place) } }
  const button = ({text, called}) => h("button", {type: "button", class: "remove", title: "Remove from the map", "aria-label": `Take the mark of ${called} off the map`,
    onclick: () => model.send_msg({kind: "forget", text})}, icon(ICONS.close))
  const update = () => {
    const texts = new Set(model.marks.map(({text}) => text))
    for (const text of [...buttons.keys()]) { if (!texts.has(text)) { buttons.delete(text) } }
    for (const mark of model.marks) { if (!buttons.has(mark.text)) { buttons.set(mark.text, button(mark)) } }
    arrange(root, model.marks.map(({text}) => buttons.get(text)))
    soon()
  }
  const point = (event) => { // of several marks at one place the newest is meant, as it is by a click
    const pane = view.el.getBoundingClientRect()
    const [x, y] = [event.clientX - pane.left, event.clientY - pane.top]
    const at = ({clipper_box: box}) => box && x >= box.left && x <= box.right && y >= box.top && y <= box.bottom
    const meant = event.buttons > 0 && event.type === "pointermove" ? null : [...root.children].find((el) => !el.hidden && at(el))
    for (const el of root.children) { el.classList.toggle("near", el === meant) }
  }
  const listeners = ["pointermove", "pointerdown"]
  listeners.forEach((name) => document.addEventListener(name, point, {passive: true}))
  model.on("marks", update)
  model.on("remove", () => {
    clearTimeout(timer)
    listeners.forEach((name) => document.removeEventListener(name, point))
    if (fig) { for (const ends of [fig.x_range, fig.y_range]) { ends.change.disconnect(soon) } }
  })
  update()
  return root
}
