// The panel beside the map: suggestions before the first search, ranked results after it, the queries so far.
const ask = (model, {text, label}, on) => h("button", {
  class: `chip${on ? " on" : ""}`, type: "button", title: label, onclick: () => model.send_msg({kind: "ask", text}),
}, h("span", {}, label))
const asked = (model, one, on) => h("span", {class: `chip two${on ? " on" : ""}`},
  h("button", {type: "button", title: one.label, "aria-pressed": String(on), onclick: () => model.send_msg({kind: "ask", text: one.text})}, h("span", {}, one.label)),
  h("button", {type: "button", class: "off", "aria-label": `Remove ${one.label} from the map`, title: "Remove from the map",
    onclick: () => model.send_msg({kind: "forget", text: one.text})}, icon(ICONS.close)))
const term = (model, part) => {
  const picture = part.picture ?? (part.image && image_url("thumb", part.image))
  const weigh = (event) => {
    const weight = Number(event.target.value)
    if (weight > 0) { model.send_msg({kind: "weigh", term: part.key, weight}) } else { event.target.value = String(part.weight) }
  }
  return h("span", {class: `term${part.minus ? " minus" : ""}`, role: "group", "aria-label": `${part.minus ? "Less" : "More"} of ${part.label}`},
    h("button", {type: "button", class: "sign", title: part.minus ? "Ask for more of it" : "Ask for less of it", "aria-label": `${part.minus ? "More" : "Less"} of ${part.label} instead`,
      onclick: () => model.send_msg({kind: "turn", term: part.key})}, icon(part.minus ? ICONS.minus : ICONS.plus)),
    picture && h("img", {src: picture, alt: ""}), h("span", {class: "name", title: part.label}, part.label),
    h("input", {type: "number", class: "weight", min: "0.1", max: "10", step: "0.1", value: String(part.weight), "aria-label": `Weight of ${part.label}`, title: "Weight", onchange: weigh}),
    h("button", {type: "button", class: "off", "aria-label": `Remove ${part.label}`, title: "Remove", onclick: () => model.send_msg({kind: "drop", term: part.key})}, icon(ICONS.close)))
}
const toggle = (model, kind, on, label) => h("button", {type: "button", class: `switch${on ? " on" : ""}`, role: "switch", "aria-checked": String(on),
  onclick: () => model.send_msg({kind, on: !on})}, h("span", {class: "knob"}), label)
const REST = 350 // milliseconds for which the pointer rests before a card is fetched for it
const SETTLES = 8 // frames until the list's heights are known
const HANDS = 600 // milliseconds after which nobody scrolls any more
// The range of similarities that is listed, in a few letters.
const spanned = ({cut, cap}) => cut != null && cap != null ? ` ${cut.toFixed(3)}\u00a0–\u00a0${cap.toFixed(3)}`
  : cut != null ? ` ≥\u00a0${cut.toFixed(3)}` : cap != null ? ` ≤\u00a0${cap.toFixed(3)}` : ""

function render({model, view}) {
  const history = () => model.history.length > 0 && h("div", {class: "row past", role: "group", "aria-label": "Searches on the map"},
    h("div", {class: "chips history grow"}, model.history.map((one) => asked(model, one, one.text === model.text))),
    h("button", {class: "action quiet", type: "button", title: "Remove all searches from the map", onclick: () => model.send_msg({kind: "clear"})}, "Clear searches"))
  let refining = false // on a phone the histogram and the switches leave their room to the results, until they are asked for
  const refine = (button) => {
    refining = !refining
    button.setAttribute("aria-expanded", String(refining))
    root.classList.toggle("refining", refining)
  }
  const heading = () => model.query
    ? h("div", {class: "row heading"},
      h("div", {class: "grow"}, h("h2", {}, model.query),
        h("div", {class: "muted"}, model.listed === model.total ? `${counted(model.total)}, best first · ${model.milliseconds}\u00a0ms`
          : `${number(model.listed)} of ${number(model.total)} images${spanned(model)}`)),
      h("button", {class: "action narrow", type: "button", "aria-expanded": String(refining), onclick: (event) => refine(event.currentTarget)}, "Refine"),
      model.listed > 0 && h("button", {class: "action", type: "button", title: "Zoom to results", onclick: () => model.send_msg({kind: "zoom"})},
        icon(ICONS.target), h("span", {}, "Zoom", h("span", {class: "rest"}, " to results"))))
    : h("div", {class: "heading"}, h("h2", {}, "Search by describing an image"),
      h("div", {class: "muted"}, "Type a few words above, or drop an image. The closest images light up on the map."))
  const suggestions = () => !model.query && model.suggestions.length > 0 && h("div", {class: "block"},
    h("h3", {}, "Try"), h("div", {class: "chips suggestions"}, model.suggestions.map((one) => ask(model, one, false))))
  const state = () => model.searching
    ? h("div", {class: "searching", role: "status"}, h("div", {class: "bar"}), h("span", {class: "muted late"}, "The first search loads the model, a moment…"))
    : model.message && h("div", {class: "error", role: "alert"}, model.message)
  const sample = () => !model.query && h("h3", {}, model.total > 1 ? `A few of the ${counted(model.total)}` : model.total === 1 ? "The image" : "No image passes all filters")
  const faint = () => model.query && model.faint && h("div", {class: "faint", role: "status"}, model.faint)
  const terms = () => model.parts.length > 0 && h("div", {class: "terms", role: "group", "aria-label": "Terms of the query"}, model.parts.map((part) => term(model, part)))
  const switches = () => model.query && h("div", {class: "row switches"}, toggle(model, "fold", model.fold, "Fold near-identical"),
    model.selectable && toggle(model, "within", model.within, "Only in the selection"))
  // -- cards
  const grid = h("div", {class: "grid"})
  const end = h("div", {class: "end", "aria-hidden": "true"})
  let [cells, have] = [new Map(), 0] // by all that a card shows: what another version shows alike stays as it is
  const put = (items) => items.map((item) => { const key = JSON.stringify(item); return [key, cells.get(key) ?? cell(model, item)] })
  const fill = () => {
    const next = new Map(put(model.items))
    const shown = [...grid.children]
    cells = next
    have = model.items.length
    arrange(grid, [...cells.values()].flatMap((el) => [el, ...open_after(el, shown)]))
    rove()
    mark()
    watch()
  }
  const open_after = (el, shown) => { // the folded ones that are shown behind a card stay with it
    const at = shown.indexOf(el)
    if (at < 0) { return [] }
    const stop = shown.findIndex((other, i) => i > at && !other.classList.contains("folded"))
    return shown.slice(at + 1, stop < 0 ? undefined : stop)
  }
  const append = () => {
    if (model.page.start !== have) { return }
    const more = put(model.page.items)
    more.forEach(([key, el]) => cells.set(key, el))
    grid.append(...more.map(([, el]) => el))
    have += more.length
    mark()
    if (reached !== "" && reached === model.near) { near() }
    watch()
  }
  const rove = roving(grid)
  const faces = () => grid.querySelectorAll(".card")
  const mark = () => faces().forEach((el) => el.classList.toggle("on", el.dataset.id === model.selected))
  // The card of the image under the pointer on the map comes into view, unless somebody scrolls. One that is not there yet is
  // asked for once the pointer rests: who sweeps over the map asks for nothing.
  let [reached, resting, scrolled] = ["", null, -Infinity]
  const reveal = (card, again = SETTLES) => { // cards that come into view are of another height than was guessed
    if (card.dataset.id !== model.near || performance.now() - scrolled < HANDS) { return }
    card.parentElement.scrollIntoView({block: "nearest"})
    if (again > 0) { requestAnimationFrame(() => reveal(card, again - 1)) }
  }
  const near = () => {
    clearTimeout(resting)
    const card = [...faces()].reduce((found, el) => {
      const meant = model.near !== "" && el.dataset.id === model.near
      el.classList.toggle("near", meant)
      return meant ? el : found
    }, null)
    if (model.near === "" || !model.query || performance.now() - scrolled < HANDS) { return }
    if (card) { reveal(card) }
    else { resting = setTimeout(() => { reached = model.near; model.send_msg({kind: "reach", id: reached}) }, REST) }
  }
  for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) { // a "scroll" may also be the page's own
    view.el.addEventListener(name, () => { scrolled = performance.now() }, {passive: true})
  }
  const seen = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && model.query && have < model.listed) { model.send_msg({kind: "more", have}) }
  }, {root: view.el, rootMargin: "600px"})
  const watch = () => { seen.unobserve(end); seen.observe(end) } // tells anew whether the end is in sight
  model.on("remove", () => { seen.disconnect(); clearTimeout(resting) })
  const part = (names, build, name = "part") => draw(model, names, () => [build()], name)
  const root = h("div", {class: "root"},
    draw(model, ["searching", "message"], () => [state()], "news"),
    h("div", {class: "contents"},
      h("div", {"aria-live": "polite"}, part(["query", "listed", "cut", "cap", "total", "milliseconds"], heading)),
      part(["parts"], terms),
      part(["query", "faint"], faint),
      h("div", {class: "block refine"}, threshold(model), part(["query", "fold", "within", "selectable"], switches)),
      part(["query", "suggestions"], suggestions),
      part(["history", "text"], history),
      h("div", {class: "block"}, part(["query", "total"], sample), grid, end)))
  const scroll = () => { if (view.el.scrollTop > 0) { view.el.scrollTop = 0 } }
  model.on("items", fill)
  model.on("page", append)
  model.on("query", scroll)
  model.on("listed", watch)
  model.on("selected", mark)
  model.on("near", near)
  fill()
  return root
}
