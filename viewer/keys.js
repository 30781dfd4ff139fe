// Keyboard: "/" goes to the search box, Escape closes what is open. Shows nothing.
const TOOLS = {l: "lasso", b: "box"}
const focused = () => {
  let el = document.activeElement
  while (el?.shadowRoot?.activeElement) { el = el.shadowRoot.activeElement }
  return el
}
const search = () => inside(document, "clipper-search")?.shadowRoot?.querySelector("input")
export function render({model}) {
  const listen = (event) => {
    const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(focused()?.tagName)
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      const box = search()
      if (box) { event.preventDefault(); box.focus(); box.select() }
    } else if (TOOLS[event.key] && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      model.send_msg({kind: "tool", tool: TOOLS[event.key]})
    } else if (event.key === "Escape") {
      if (typing) { focused().blur() }
      model.send_msg({kind: "escape"})
    }
  }
  document.addEventListener("keydown", listen)
  model.on("remove", () => document.removeEventListener("keydown", listen))
  return h("div", {hidden: true})
}
