// One image in full: the picture, all that is known of it, and the images most like it.
const LOST = {
  gone: "The original is gone or was moved. This is its thumbnail.",
  changed: "The original has changed since it was indexed. This is its thumbnail.",
  unreadable: "The original cannot be shown. This is its thumbnail.",
}
// The thumbnail at once, the original over it when it has come, and in words why where it has not.
const picture = (item) => {
  const image = h("img", {class: "full", alt: item.label, src: image_url("thumb", item)})
  const note = h("div", {class: "lost muted", role: "status"})
  const show = async () => {
    const answer = await fetch(image_url("full", item))
    const lost = answer.ok ? answer.headers.get("Original-Is") : "gone"
    if (lost) { note.textContent = LOST[lost] ?? LOST.unreadable; return }
    const url = URL.createObjectURL(await answer.blob())
    image.addEventListener("load", () => URL.revokeObjectURL(url), {once: true})
    image.addEventListener("error", () => { note.textContent = LOST.unreadable; image.src = image_url("thumb", item) }, {once: true})
    image.src = url
  }
  show().catch(() => { note.textContent = LOST.unreadable })
  return h("div", {class: "picture"}, h("div", {class: "stage"}, image), note)
}
export function render({model}) {
  const value = (known) => Array.isArray(known)
    ? h("dd", {}, h("div", {class: "tags"}, known.map((item) => h("span", {class: "tag"}, item))))
    : h("dd", {}, known)
  const like = (item) => h("button", {
    class: "card", type: "button", title: item.label, "aria-label": `${item.label}, similarity ${item.similarity.toFixed(3)}`,
    onclick: () => model.send_msg({kind: "open", id: item.id}),
    onmouseenter: () => model.send_msg({kind: "point", id: item.id}),
    onmouseleave: () => model.send_msg({kind: "point", id: null}),
  }, h("div", {class: "frame"}, h("img", {src: image_url("thumb", item), alt: "", loading: "lazy"})),
  h("div", {class: "caption"}, h("span", {class: "label"}, item.label), h("span", {class: "score"}, item.similarity.toFixed(2))))
  const alike = draw(model, ["similar"], () => model.similar.length > 0
    ? [h("h3", {}, "Most similar images"), h("div", {class: "grid"}, model.similar.map(like))] : [], "alike")
  const more = (item, minus) => h("button", {class: `chip${minus ? " less" : ""}`, type: "button", onclick: () => model.send_msg({kind: "like", id: item.id, minus})},
    icon(minus ? ICONS.minus : ICONS.plus), `${minus ? "Less" : "More"} like this`)
  let [shown, whole] = ["", null] // the picture stays when only what is told of it changes
  return draw(model, ["item"], () => {
    const item = model.item
    if (!item.id) { shown = ""; return [] }
    const key = `${item.id} ${item.stamp}`
    const arriving = shown !== key
    if (arriving) { [shown, whole] = [key, picture(item)] }
    return [h("section", {class: `sheet${arriving ? " arriving" : ""}`, "aria-label": `Details of ${item.label}`},
      h("div", {class: "row top"}, h("h2", {class: "grow"}, item.label),
        h("button", {class: "square", type: "button", title: "Show on the map", "aria-label": "Show on the map", onclick: () => model.send_msg({kind: "locate"})}, icon(ICONS.target)),
        h("button", {class: "square", type: "button", title: "Close (Esc)", "aria-label": "Close details", onclick: () => model.send_msg({kind: "close"})}, icon(ICONS.close))),
      whole,
      h("div", {class: "row more"}, more(item, false), more(item, true)),
      h("div", {class: "path muted"}, item.id),
      item.values.length > 0 && h("dl", {}, item.values.map(([name, known]) => [h("dt", {}, name), value(known)])),
      alike)]
  })
}
