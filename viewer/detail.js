// One image in full: the picture, all that is known of it, and the images most like it.
export function render({model}) {
  const value = (known) => Array.isArray(known)
    ? h("dd", {}, h("div", {class: "tags"}, known.map((item) => h("span", {class: "tag"}, item))))
    : h("dd", {}, known)
  const picture = (item) => {
    const image = h("img", {class: "full", alt: item.label, decoding: "async"})
    image.addEventListener("error", () => { image.src = image_url("thumb", item.id, item.version) }, {once: true})
    image.src = image_url("full", item.id, item.version)
    return h("div", {class: "stage"}, image)
  }
  const like = (item) => h("button", {
    class: "card", type: "button", title: item.label, "aria-label": `${item.label}, similarity ${item.similarity.toFixed(3)}`,
    onclick: () => model.send_msg({kind: "open", row: item.row}),
    onmouseenter: () => model.send_msg({kind: "point", row: item.row}),
    onmouseleave: () => model.send_msg({kind: "point", row: null}),
  }, h("div", {class: "frame"}, h("img", {src: image_url("thumb", item.id, model.item.version), alt: "", loading: "lazy"})),
  h("div", {class: "caption"}, h("span", {class: "label"}, item.label), h("span", {class: "score"}, item.similarity.toFixed(2))))
  return draw(model, ["item", "similar"], () => {
    const item = model.item
    if (!item.id) { return [] }
    return [h("section", {class: "sheet", "aria-label": `Details of ${item.label}`},
      h("div", {class: "row top"}, h("h2", {class: "grow"}, item.label),
        h("button", {class: "square", type: "button", title: "Show on the map", "aria-label": "Show on the map", onclick: () => model.send_msg({kind: "locate"})}, icon(ICONS.target)),
        h("button", {class: "square", type: "button", title: "Close (Esc)", "aria-label": "Close details", onclick: () => model.send_msg({kind: "close"})}, icon(ICONS.close))),
      picture(item),
      h("div", {class: "path muted"}, item.id),
      item.values.length > 0 && h("dl", {}, item.values.map(([name, known]) => [h("dt", {}, name), value(known)])),
      model.similar.length > 0 && h("h3", {}, "Most similar images"),
      model.similar.length > 0 && h("div", {class: "grid"}, model.similar.map(like)))]
  })
}
