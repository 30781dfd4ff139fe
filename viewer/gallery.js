// The panel beside the map: suggestions before the first search, ranked results after it, the queries so far.
const card = (model, item) => {
  const scored = item.similarity != null
  const image = h("img", {src: image_url("thumb", item), alt: "", loading: "lazy", decoding: "async", draggable: "false"})
  const score = scored ? h("span", {class: "score"}, item.similarity.toFixed(3)) : null
  const name = scored ? `${item.label}, similarity ${item.similarity.toFixed(3)}` : item.label
  return h("button", {
    class: "card", type: "button", "aria-label": name, title: item.label, "data-id": item.id,
    onclick: () => model.send_msg({kind: "open", id: item.id}),
    onmouseenter: () => model.send_msg({kind: "point", id: item.id}),
    onmouseleave: () => model.send_msg({kind: "point", id: null}),
  }, h("div", {class: "frame"}, image), h("div", {class: "caption"}, h("span", {class: "label"}, item.label), score))
}
const ask = (model, text, on) => h("button", {
  class: `chip${on ? " on" : ""}`, type: "button", title: text, onclick: () => model.send_msg({kind: "ask", text}),
}, h("span", {}, text))

export function render({model}) {
  const history = () => model.history.length > 0 && h("div", {class: "block"},
    h("div", {class: "row"}, h("h3", {class: "grow"}, "Searches on the map"),
      h("button", {class: "action quiet", type: "button", onclick: () => model.send_msg({kind: "clear"})}, "Clear all")),
    h("div", {class: "chips history"}, model.history.map((text) => ask(model, text, text === model.query))))
  const heading = () => model.query
    ? h("div", {class: "row heading"},
      h("div", {class: "grow"}, h("h2", {}, model.query),
        h("div", {class: "muted"}, `best ${number(model.items.length)} of ${number(model.total)} images · ${model.milliseconds} ms`)),
      h("button", {class: "action", type: "button", onclick: () => model.send_msg({kind: "zoom"})}, icon(ICONS.target), "Zoom to results"))
    : h("div", {class: "heading"}, h("h2", {}, "Search by describing an image"),
      h("div", {class: "muted"}, "Type a few words above. The closest images light up on the map."))
  const suggestions = () => !model.query && model.suggestions.length > 0 && h("div", {class: "block"},
    h("h3", {}, "Try"), h("div", {class: "chips suggestions"}, model.suggestions.map((text) => ask(model, text, false))))
  const state = () => model.searching
    ? h("div", {class: "searching", role: "status"}, h("div", {class: "bar"}), h("span", {class: "muted late"}, "The first search loads the model, a moment…"))
    : model.message && h("div", {class: "error", role: "alert"}, model.message)
  const sample = () => !model.query && h("h3", {}, model.total > 0 ? `A few of the ${number(model.total)} images` : "No image passes all filters")
  const grid = h("div", {class: "grid"})
  let cards = new Map() // by all that a card shows: what another version shows alike stays as it is
  const fill = () => {
    cards = new Map(model.items.map((item) => { const key = JSON.stringify(item); return [key, cards.get(key) ?? card(model, item)] }))
    arrange(grid, [...cards.values()])
    mark()
  }
  const mark = () => grid.querySelectorAll(".card").forEach((el) => el.classList.toggle("on", el.dataset.id === model.selected))
  const part = (names, build) => draw(model, names, () => [build()], "part")
  const root = h("div", {class: "root"},
    draw(model, ["searching", "message"], () => [state()], "news"),
    h("div", {class: "contents"},
      part(["query", "items", "total", "milliseconds"], heading),
      part(["query", "suggestions"], suggestions),
      part(["history", "query"], history),
      h("div", {class: "block"}, part(["query", "total"], sample), grid)))
  model.on("items", fill)
  model.on("selected", mark)
  fill()
  return root
}
