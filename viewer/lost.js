// The server is gone, or the machine has slept: says so, and opens the page again once the server answers. What one looks at
// is in the address.
const PAUSE = 2000 // milliseconds between two looks for the server
function render({view}) {
  const root = h("div", {class: "root box"}, h("div", {class: "words", role: "alert"}))
  const words = root.firstChild
  let leaving = false
  const there = async () => {
    try { return (await fetch(`${base()}/static/logo.svg`, {cache: "no-store"})).ok } catch { return false }
  }
  const look = async () => {
    if (!document.hidden && await there()) { window.location.reload() } else { setTimeout(look, PAUSE) }
  }
  const lost = () => {
    if (leaving || words.childElementCount > 0) { return }
    words.append(
      h("div", {class: "headline"}, "The connection to the server is lost"),
      h("div", {class: "muted"}, "This page opens again as soon as it answers."))
    view.el.classList.add("shown")
    look()
  }
  window.addEventListener("pagehide", () => { leaving = true })
  view.model.document.on_event("connection_lost", lost)
  return root
}
