// Tabs: arrows go from one to the next, as in any tab list.
function render({model}) {
  const choose = (key) => model.send_msg({kind: "choose", tab: key})
  const root = h("div", {class: "root tablist", role: "tablist", "aria-label": "Panel"})
  const buttons = new Map()
  const button = ({key}) => {
    const el = h("button", {type: "button", class: "tab", role: "tab", onclick: () => choose(key)})
    el.addEventListener("keydown", (event) => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[event.key]
      if (!step) { return }
      const keys = model.tabs.map((tab) => tab.key)
      const next = keys[(keys.indexOf(key) + step + keys.length) % keys.length]
      event.preventDefault()
      buttons.get(next).focus()
      choose(next)
    })
    return el
  }
  const update = () => {
    for (const tab of model.tabs) {
      if (!buttons.has(tab.key)) { buttons.set(tab.key, button(tab)) }
      const [el, on] = [buttons.get(tab.key), tab.key === model.active]
      el.replaceChildren(h("span", {}, tab.title), ...(tab.count > 0 ? [h("span", {class: "badge"}, number(tab.count))] : []))
      el.setAttribute("aria-selected", String(on))
      el.tabIndex = on ? 0 : -1
    }
    arrange(root, model.tabs.map((tab) => buttons.get(tab.key)))
  }
  ;["tabs", "active"].forEach((name) => model.on(name, update))
  update()
  return root
}
