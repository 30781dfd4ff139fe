// In front of legend.js and filter_panel.js: bars of a scale, all of them behind those that pass, and a brush that filters.
const SAY = 70 // milliseconds between two ranges that a drag tells
const LATE = 5000 // milliseconds after which no answer to a range is expected any more
const KEYS = {ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5, Home: -Infinity, End: Infinity}

// `say(span)` is told [first, last) in bins, or null. `update(chart)` shows another state; while a person drags, theirs stays.
const histogram = (title, say) => {
  const bars = h("div", {class: "bars", "aria-hidden": "true"})
  const brush = h("div", {class: "brush"})
  const ends = ["from", "to"].map((name) => h("div", {class: `end ${name}`, role: "slider", tabindex: "0", "aria-label": `${title}, ${name}`}))
  const plot = h("div", {class: "plot"}, bars, brush, ends)
  const words = h("div", {class: "ends"}, h("span", {}), h("span", {}))
  const el = h("div", {class: "histogram"}, plot, words)
  let [asked, since] = [null, 0] // the range that was asked for last, and when, until the server has it: what it says of earlier ones is out of date
  let [chart, span, drag, said, timer] = [{whole: [], now: [], labels: [], tops: [], span: [], colours: []}, null, null, 0, null]
  const bins = () => chart.whole.length

  const tell = (now = false) => {
    clearTimeout(timer)
    ;[asked, since] = [JSON.stringify(span ?? []), performance.now()]
    const wait = now ? 0 : SAY - (performance.now() - said)
    if (wait > 0) { timer = setTimeout(tell, wait); return }
    said = performance.now()
    say(span)
  }
  const mark = () => {
    const [first, last] = span ?? [0, bins()]
    el.classList.toggle("on", span != null)
    brush.style.left = `${100 * first / bins()}%`
    brush.style.width = `${100 * (last - first) / bins()}%`
    ;[first, last].forEach((at, i) => {
      ends[i].style.left = `${100 * at / bins()}%`
      ends[i].setAttribute("aria-valuemin", "0")
      ends[i].setAttribute("aria-valuemax", String(bins()))
      ends[i].setAttribute("aria-valuenow", String(at))
      ends[i].setAttribute("aria-valuetext", (i === 0 ? chart.labels : chart.tops)[at] ?? "")
    })
    ;[...bars.children].forEach((bar, i) => bar.classList.toggle("out", span != null && (i < first || i >= last)))
    const named = span != null && drag != null
    words.children[0].textContent = named ? chart.labels[first] : chart.low
    words.children[1].textContent = named ? chart.tops[last] : chart.high
  }
  const fill = () => {
    const most = Math.max(1, ...chart.whole)
    const height = (count) => count > 0 ? `${Math.max(3, 100 * count / most)}%` : "0"
    if (bars.children.length !== bins()) { bars.replaceChildren(...chart.whole.map(() => h("div", {class: "bar"}, h("i"), h("i")))) }
    ;[...bars.children].forEach((bar, i) => {
      const [all, some] = bar.children
      all.style.height = height(chart.whole[i])
      some.style.height = height(chart.now[i])
      if (chart.colours[i]) { some.style.background = chart.colours[i] }
    })
  }
  const set = (first, last) => {
    const low = Math.max(0, Math.min(first, last))
    const high = Math.min(bins(), Math.max(first, last))
    span = high - low <= 0 || (low === 0 && high === bins()) ? null : [low, high]
    mark()
  }

  const bin_at = (event) => {
    const box = plot.getBoundingClientRect()
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * bins()
  }
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) { return }
    const [at, end] = [bin_at(event), ends.indexOf(event.target)]
    const within = span && at >= span[0] && at <= span[1]
    const old = span ?? [0, bins()]
    drag = end >= 0 ? {way: "end", still: old[1 - end]} : within ? {way: "move", at, old} : {way: "new", still: Math.floor(at)}
    drag.x = event.clientX
    plot.setPointerCapture(event.pointerId)
    event.preventDefault()
    if (end >= 0) { ends[end].focus({focusVisible: false}) }
  })
  plot.addEventListener("pointermove", (event) => {
    if (!drag || (!drag.moved && Math.abs(event.clientX - drag.x) < 3)) { return }
    drag.moved = true
    const at = bin_at(event)
    if (drag.way === "move") {
      const shift = Math.max(-drag.old[0], Math.min(Math.round(at - drag.at), bins() - drag.old[1]))
      set(drag.old[0] + shift, drag.old[1] + shift)
    } else if (drag.way === "end") { set(Math.round(at), drag.still) }
    else { set(...(at >= drag.still ? [drag.still, Math.ceil(at)] : [Math.floor(at), drag.still + 1])) }
    tell()
  })
  const release = () => {
    if (!drag) { return }
    if (!drag.moved && drag.way !== "end") { set(...(span ? [0, bins()] : [drag.still, drag.still + 1])) } // a press: one bar, or all again
    drag = null
    mark()
    tell(true)
  }
  plot.addEventListener("pointerup", release)
  plot.addEventListener("pointercancel", release)
  ends.forEach((end, i) => end.addEventListener("keydown", (event) => {
    const now = [...(span ?? [0, bins()])]
    if (event.key === "Delete" || event.key === "Backspace") { set(0, bins()) }
    else if (event.key in KEYS) {
      const [low, high] = i === 0 ? [0, now[1] - 1] : [now[0] + 1, bins()]
      now[i] = Math.min(Math.max(now[i] + KEYS[event.key] * (event.shiftKey ? 5 : 1), low), high)
      set(...now)
    } else { return }
    event.preventDefault()
    tell()
  }))
  const update = (told) => {
    chart = told
    fill()
    if (JSON.stringify(chart.span) === asked || performance.now() - since > LATE) { asked = null }
    if (!drag && asked == null) { span = chart.span.length === 2 ? [...chart.span] : null }
    mark()
  }
  return {el, update}
}
