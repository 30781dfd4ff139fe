// The page's keyboard, and the list of its keys. Whoever types into a field, or moves within a control, is left alone.
const LIST = [
  ["Look", [["+"], "Zoom in"], [["−"], "Zoom out"], [["0"], "The whole map"], [["←", "→"], "Previous and next image"]],
  ["Everywhere", [["/"], "Search"], [["Esc"], "Put away: tool, image, choice"], [["?"], "This list"],
    [["↑", "↓", "←", "→"], "Within a list of images"]],
  ["Choose", [["L"], "Lasso"], [["B"], "Box"], [["Shift", "drag"], "Add to what is chosen"], [["Alt", "drag"], "Take away from it"],
    [["Shift", "click"], "One image more, or less"]],
]
const SENDS = {
  l: {kind: "tool", tool: "lasso"}, b: {kind: "tool", tool: "box"}, ArrowLeft: {kind: "step", by: -1}, ArrowRight: {kind: "step", by: 1},
  "+": {kind: "zoom", by: 1}, "=": {kind: "zoom", by: 1}, "-": {kind: "zoom", by: -1}, 0: {kind: "home"},
}
const OWN_KEYS = "input, textarea, select, [contenteditable], [role=slider], [role=tab], [role=menuitem], [role=combobox], [role=listbox], [role=radio]"
const search = () => inside(document, "clipper-search")?.shadowRoot?.querySelector("input")
const KEYBOARD = "M4 6.500h16a1.500 1.500 0 011.500 1.500v8a1.500 1.500 0 01-1.500 1.500H4A1.500 1.500 0 012.500 16V8A1.500 1.500 0 014 6.500zM6.500 10h.01M10 10h.01M14 10h.01M17.500 10h.01M8 14h8"
function render({model}) {
  const rows = LIST.map(([title, ...lines]) => h("section", {}, h("h3", {}, title), h("dl", {}, lines.map(([keys, words]) => [
    h("dt", {}, keys.map((key) => h("kbd", {}, key))), h("dd", {}, words)]))))
  const dialog = h("dialog", {"aria-labelledby": "keys-title", onclick: (event) => { if (event.target === dialog) { dialog.close() } }},
    h("div", {class: "sheet"}, h("div", {class: "row"}, h("h2", {id: "keys-title", class: "grow", tabindex: "-1", autofocus: true}, "Keyboard"),
      h("button", {class: "square", type: "button", title: "Close (Esc)", "aria-label": "Close", onclick: () => dialog.close()}, icon(ICONS.close))),
    h("div", {class: "lists"}, rows)))
  const help = () => { if (dialog.open) { dialog.close() } else { dialog.showModal() } }
  const listen = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) { return }
    const el = focused()
    const typing = Boolean(el?.matches?.(OWN_KEYS))
    if (event.key === "Escape") {
      if (dialog.open) { return } // it closes itself
      if (typing) { el.blur() }
      model.send_msg({kind: "escape"})
    } else if (typing || (dialog.open && event.key !== "?")) {
      return
    } else if (event.key === "/") {
      const box = search()
      if (box) { event.preventDefault(); box.focus(); box.select() }
    } else if (event.key === "?") {
      help()
    } else if (SENDS[event.key]) {
      model.send_msg(SENDS[event.key])
    }
  }
  document.addEventListener("keydown", listen)
  model.on("remove", () => document.removeEventListener("keydown", listen))
  return h("div", {class: "root"}, h("button", {class: "square ask", type: "button", title: "Keyboard (?)", "aria-label": "Keyboard shortcuts", onclick: help}, icon(KEYBOARD)), dialog)
}
