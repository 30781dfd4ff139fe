// The server is gone, or the machine has slept: says so, and opens the page again once the server answers. What one looks at
// is in the address. Whoever is typing, or has seen that help too little, is left the choice.
const [PAUSE, PATIENCE] = [2000, 5000] // milliseconds between two looks for the server, and that it has for an answer
const [OFTEN, WITHIN, KEPT] = [3, 60000, "clipper-opened-again"] // so many times in so many milliseconds are too many
function render({view}) {
  const words = h("div", {class: "words", role: "alert"})
  const again = h("button", {class: "action", type: "button", hidden: true, onclick: () => window.location.reload()}, icon(ICONS.refresh), "Open again")
  const there = async () => {
    const asked = {cache: "no-store", signal: AbortSignal.timeout(PATIENCE)}
    try { return (await fetch(`${base()}/static/logo.svg`, asked)).ok } catch { return false }
  }
  const times = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "[]").filter((time) => Date.now() - time < WITHIN)
  const typing = () => {
    const el = focused()
    return ["INPUT", "TEXTAREA"].includes(el?.tagName) && el.value !== ""
  }
  const look = async () => {
    if (document.hidden || !await there()) { setTimeout(look, PAUSE); return }
    if (times().length >= OFTEN || typing()) { again.hidden = false; setTimeout(look, PAUSE); return }
    sessionStorage.setItem(KEPT, JSON.stringify([...times(), Date.now()]))
    window.location.reload()
  }
  let leaving = false
  const lost = () => {
    if (leaving || words.childElementCount > 0) { return }
    words.append(
      h("div", {class: "headline"}, "The connection to the server is lost"),
      h("div", {class: "muted"}, "This page opens again as soon as it answers."))
    view.el.classList.add("shown")
    setTimeout(look, PAUSE)
  }
  window.addEventListener("pagehide", () => { leaving = true })
  window.addEventListener("pageshow", () => { leaving = false })
  view.model.document.on_event("connection_lost", lost)
  return h("div", {class: "root box"}, words, h("div", {class: "buttons"}, again))
}
