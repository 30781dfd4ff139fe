// The card of the image under the pointer. It stays inside the map and never takes the pointer's events.
const WIDTH = 176
const GAP = 12
function render({model}) {
  const root = h("div", {class: "root hover", "aria-hidden": "true"})
  const place = (item) => {
    const map = root.parentElement.getBoundingClientRect()
    const right = item.x + item.reach + GAP
    const x = right + WIDTH > map.width ? item.x - item.reach - GAP - WIDTH : right
    const y = Math.min(Math.max(8, item.y - 60), Math.max(8, map.height - root.offsetHeight - 8))
    root.style.transform = `translate(${Math.round(Math.max(8, x))}px, ${Math.round(y)}px)`
  }
  const update = () => {
    const item = model.item
    if (!item.id) { root.classList.remove("shown"); return }
    root.replaceChildren(
      h("div", {class: "frame"}, h("img", {src: image_url("thumb", item), alt: ""})),
      h("div", {class: "words"}, h("div", {class: "label"}, item.label),
        item.values.map(([name, value]) => h("div", {class: "value"}, h("span", {class: "muted"}, name), h("span", {}, value)))))
    place(item)
    root.classList.add("shown")
  }
  model.on("item", update)
  update()
  return root
}
