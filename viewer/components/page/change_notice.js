// What has changed, over the map's lower corner. Only its words are a live region: a reader need not hear the buttons.
function render({model, view}) {
  const words = draw(model, ["headline", "note"], () => model.headline ? [
    h("div", {class: "headline"}, model.headline), model.note && h("div", {class: "muted"}, model.note)] : [], "words")
  words.setAttribute("role", "status")
  words.setAttribute("aria-live", "polite")
  const close = h("button", {class: "square", type: "button", title: "Dismiss", "aria-label": "Dismiss", onclick: () => model.send_msg({kind: "dismiss"})}, icon(ICONS.close))
  const buttons = draw(model, ["headline", "action"], () => model.headline ? [
    model.action && h("button", {class: "action", type: "button", onclick: () => model.send_msg({kind: "show"})}, icon(ICONS.target), model.action), close] : [], "buttons")
  const root = h("div", {class: "root box"}, words, buttons)
  const update = () => view.el.classList.toggle("shown", Boolean(model.headline))
  model.on("headline", update)
  update()
  return root
}
