// One quiet line: how many images, how old the index is, and a newer version when there is one.
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
export function render({model}) {
  const root = draw(model, ["total", "indexed_at", "newer", "failed", "tick"], () => [
    model.newer && h("div", {class: "notice", role: "status"}, h("span", {class: "grow"}, "The index has changed"),
      h("button", {class: "action", type: "button", onclick: () => model.send_msg({kind: "show"})}, icon(ICONS.refresh), "Show the new version")),
    h("div", {class: "line muted"}, icon(ICONS.clock),
      h("span", {}, `${number(model.total)} images · indexed ${ago(model.indexed_at)}${model.failed ? ` · ${number(model.failed)} unreadable` : ""}`)),
  ])
  const look = setInterval(() => { if (!document.hidden) { model.send_msg({kind: "look"}) } }, 4000)
  const age = setInterval(() => { model.tick = (model.tick + 1) % 2 }, 30000)
  model.on("remove", () => { clearInterval(look); clearInterval(age) })
  return root
}
