// Keyboard: "/" goes to the search box, Escape closes what is open. Shows nothing.
const focused = () => {
  let el = document.activeElement
  while (el?.shadowRoot?.activeElement) { el = el.shadowRoot.activeElement }
  return el
}
const search = () => inside(document, "clipper-search")?.shadowRoot?.querySelector("input")
export function render({model}) {
  const listen = (event) => {
    const typing = focused()?.matches("input:not([type=range]), textarea, select")
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      const box = search()
      if (box) { event.preventDefault(); box.focus(); box.select() }
    } else if (event.key === "Escape") {
      if (typing) { focused().blur() }
      model.send_msg({kind: "escape"})
    }
  }
  document.addEventListener("keydown", listen)
  model.on("remove", () => document.removeEventListener("keydown", listen))
  return h("div", {hidden: true})
}
