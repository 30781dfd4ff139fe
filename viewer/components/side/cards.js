// Cards of images, for the panel: a picture that opens, and buttons that ask for more or less like it. The open image has these
// too: here they are no stops of the keyboard's, which would have three for each of a thousand cards.
const FULL = 100 // a CLIPScore that says nothing more
const OURS = "application/x-clipper-image"
const tool = (model, item, minus) => h("button", {
  class: `tool${minus ? " less" : ""}`, type: "button", tabindex: "-1", title: `${minus ? "Less" : "More"} like this`, "aria-label": `${minus ? "Less" : "More"} like ${item.label}`,
  onclick: () => model.send_msg({kind: "like", id: item.id, minus}),
}, icon(minus ? ICONS.minus : ICONS.plus))
const face = (model, item) => {
  const scored = item.similarity != null
  const score = scored && h("span", {class: "figures"}, h("span", {class: "score"}, item.similarity.toFixed(3)),
    item.score != null && item.score < FULL && h("span", {class: "muted", title: "CLIPScore, of 100"}, `${item.score}`))
  const explained = item.score != null ? `\ncosine ${item.similarity.toFixed(3)}, CLIPScore ${item.score} of 100` : ""
  return h("button", {
    class: "card", type: "button", tabindex: "-1", "aria-label": scored ? `${item.label}, similarity ${item.similarity.toFixed(3)}` : item.label,
    title: item.label + explained, "data-id": item.id,
    onclick: () => model.send_msg({kind: "open", id: item.id}),
    onmouseenter: () => model.send_msg({kind: "point", id: item.id}),
    onmouseleave: () => model.send_msg({kind: "point", id: null}),
    onfocus: (event) => { if (event.currentTarget.matches(":focus-visible")) { model.send_msg({kind: "point", id: item.id}) } },
    onblur: () => model.send_msg({kind: "point", id: null}),
  }, h("div", {class: "frame"}, h("img", {src: image_url("thumb", item), alt: "", loading: "lazy", decoding: "async", draggable: "false"})),
  h("div", {class: "caption"}, h("span", {class: "label"}, item.label)), score)
}
// A card with its buttons; where others are folded under it, a button that shows them behind it.
const cell = (model, item) => {
  const others = item.alike ?? []
  const el = h("div", {class: "cell", draggable: "true", ondragstart: (event) => event.dataTransfer.setData(OURS, item.id)},
    face(model, item), h("div", {class: "tools"}, tool(model, item, false), tool(model, item, true)))
  if (others.length > 0) {
    const cells = others.map((other) => { const one = cell(model, other); one.classList.add("folded"); return one })
    const more = h("button", {class: "alike", type: "button", "aria-expanded": "false", title: "Show those that are nearly the same", onclick: () => {
      const open = more.getAttribute("aria-expanded") !== "true"
      more.setAttribute("aria-expanded", String(open))
      if (open) { el.after(...cells) } else { cells.forEach((one) => one.remove()) }
    }}, `+${number(item.count)} alike`)
    el.append(more)
  }
  return el
}
