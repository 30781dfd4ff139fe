// The histogram of all similarities, and over it the slider from which on results are listed.
const HAND = 700 // milliseconds
const threshold = (model) => {
  const bars = h("div", {class: "bars", "aria-hidden": "true"})
  const slider = h("input", {type: "range", class: "slider", "aria-label": "Least similarity of a result", step: "any"})
  const mark = h("span", {class: "mark", "aria-hidden": "true"})
  const root = h("div", {class: "threshold", title: "How similar all images are. Drag to leave out the least similar; the dashed line is what words picked at random find."}, bars, mark, slider)
  let [sent, moved, timer, later] = [0, -Infinity, null, null]
  const at = () => Number(slider.value)
  const colour = () => {
    const {low, high} = model.spread
    const all = at() <= low
    const step = (high - low) / bars.children.length
    Array.from(bars.children, (bar, i) => {
      const middle = low + (i + 0.5) * step
      bar.classList.toggle("out", (!all && middle < at()) || (model.cap != null && middle > model.cap))
    })
  }
  const text = () => { slider.setAttribute("aria-valuetext", model.cut == null ? "all images" : `${at().toFixed(3)}, ${number(model.listed)} images`) }
  const tell = () => { sent = performance.now(); model.send_msg({kind: "cut", at: at() <= model.spread.low ? null : at()}) }
  slider.addEventListener("input", () => {
    moved = performance.now()
    colour()
    clearTimeout(timer)
    timer = setTimeout(tell, Math.max(0, 90 - (performance.now() - sent)))
  })
  slider.addEventListener("keydown", (event) => { // a step is a hundredth of the range, whatever a browser takes for one
    const by = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10}[event.key]
    if (!by) { return }
    event.preventDefault()
    slider.value = String(at() + by * (model.spread.high - model.spread.low) / 100)
    slider.dispatchEvent(new Event("input"))
  })
  const follow = () => { // what the server says is older than what a hand that moves has set
    clearTimeout(later)
    const still = performance.now() - moved
    if (still < HAND) { later = setTimeout(follow, HAND - still) } else { slider.value = String(model.cut ?? model.spread.low); colour() }
    text()
  }
  const place = () => {
    const {low, high} = model.spread
    mark.hidden = model.chance == null || !(model.chance > low && model.chance < high)
    if (!mark.hidden) { mark.style.left = `${100 * (model.chance - low) / (high - low)}%` }
  }
  const build = () => {
    const {counts, low, high} = model.spread
    root.hidden = !counts?.length || !(high > low)
    if (root.hidden) { return }
    const most = Math.sqrt(Math.max(...counts)) // by the root: the few that match well are seen beside the many that do not
    bars.replaceChildren(...counts.map((count) => h("span", {style: `height:${count > 0 ? Math.max(5, 100 * Math.sqrt(count) / most) : 0}%`})))
    slider.min = String(low)
    slider.max = String(high)
    moved = -Infinity
    slider.value = String(model.cut ?? low)
    place()
    colour()
    text()
  }
  model.on("spread", build)
  model.on("chance", place)
  model.on("cut", follow)
  model.on("cap", colour)
  model.on("listed", text)
  build()
  return root
}
