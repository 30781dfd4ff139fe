// Folds the card whose first child it is into a chip. While it is folded, its host has the class "folded": the card's style
// sheet does the rest. In a narrow pane (the map's style sheet says --narrow) the card starts folded, unless a person chose.
const KEY = "clipper-legend"
const chosen = () => { try { return localStorage.getItem(KEY) } catch { return null } } // a private window may refuse
const keep = (choice) => { try { localStorage.setItem(KEY, choice) } catch { /* it holds until the page is left */ } }
const strip = (colours, smooth) => {
  const share = 100 / colours.length
  const stops = smooth ? colours : colours.map((colour, i) => `${colour} ${i * share}% ${(i + 1) * share}%`)
  return h("span", {class: "strip", style: `background:linear-gradient(90deg, ${stops.join(", ")})`})
}
function render({model, view}) {
  let choice = chosen()
  const fold = () => {
    const narrow = getComputedStyle(view.el).getPropertyValue("--narrow").trim() === "1"
    const folded = (choice ?? (narrow ? "folded" : "open")) === "folded"
    view.el.classList.toggle("folded", folded)
    button.setAttribute("aria-expanded", String(!folded))
    button.title = folded ? "Show the legend" : "Hide the legend"
  }
  const toggle = () => {
    choice = button.getAttribute("aria-expanded") === "true" ? "folded" : "open"
    keep(choice)
    fold()
  }
  const button = h("button", {type: "button", class: "toggle", onclick: toggle})
  const update = () => {
    button.setAttribute("aria-label", `Legend: ${model.label}`)
    button.replaceChildren(...(model.colours.length > 0 ? [strip(model.colours, model.smooth)] : []),
      h("span", {class: "column"}, model.label), icon(ICONS.down))
  }
  ["label", "colours", "smooth"].forEach((name) => model.on(name, update))
  update()
  const watch = new ResizeObserver(fold)
  watch.observe(view.el) // tells once when it is in the page
  watch.observe(document.documentElement)
  model.on("remove", () => watch.disconnect())
  return h("div", {class: "root"}, button)
}
