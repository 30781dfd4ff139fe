// The tabs above the panel: arrows go from one to the next, as in any list of tabs.
export function render({model}) {
  const go = (panel) => model.send_msg({kind: "panel", panel})
  const keys = (event) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key]
    if (!step) { return }
    event.stopPropagation()
    const all = [...event.currentTarget.children]
    const next = (all.findIndex((el) => el.getAttribute("aria-selected") === "true") + step + all.length) % all.length
    go(all[next].dataset.panel)
    all[next].focus()
  }
  const list = h("div", {class: "tabs", role: "tablist", "aria-label": "Beside the map", onkeydown: keys})
  const buttons = new Map()
  const update = () => {
    for (const [panel, label, count] of model.tabs) {
      if (!buttons.has(panel)) {
        const button = h("button", {class: "tab", type: "button", role: "tab", "data-panel": panel, onclick: () => go(panel)}, label, h("span", {class: "count"}))
        buttons.set(panel, button)
        list.append(button)
      }
      const button = buttons.get(panel)
      const on = panel === model.panel
      button.setAttribute("aria-selected", String(on))
      button.tabIndex = on ? 0 : -1
      button.lastChild.textContent = count
    }
  }
  model.on("tabs", update)
  model.on("panel", update)
  update()
  return h("div", {class: "root"}, list)
}
