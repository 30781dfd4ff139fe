// One quiet line: how many images, how old the index is, what came and went; and what keeps a newer version away.
const ago = (iso) => {
  const seconds = Math.max(0, (Date.now() - Date.parse(iso)) / 1000)
  const steps = [[60, "second"], [60, "minute"], [24, "hour"], [365, "day"], [Infinity, "year"]]
  let value = seconds
  for (const [size, unit] of steps) {
    if (value < size) {
      const whole = Math.floor(value)
      if (unit === "second") { return "just now" }
      return `${whole} ${unit}${whole === 1 ? "" : "s"} ago`
    }
    value /= size
  }
}
function render({model}) {
  const line = () => [
    counted(model.total), `indexed ${ago(model.indexed_at)}`,
    model.lately, model.failed > 0 && `${number(model.failed)} unreadable`,
  ].filter(Boolean).join(" · ")
  const root = draw(model, ["total", "indexed_at", "failed", "lately", "trouble"], () => [
    model.trouble && h("details", {class: "trouble", role: "status"},
      h("summary", {}, "The index cannot be read right now"),
      h("div", {class: "muted"}, `${model.trouble}. Until then the map shows what it was.`)),
    h("button", {class: "line muted", type: "button", title: "About this dataset", onclick: () => model.send_msg({kind: "overview"})},
      icon(ICONS.clock), h("span", {class: "grow said"}, line()), icon("M9 6l6 6-6 6")),
  ])
  const age = setInterval(() => { root.querySelector(".said").textContent = line() }, 30000) // "ago" grows
  model.on("remove", () => clearInterval(age))
  return root
}
