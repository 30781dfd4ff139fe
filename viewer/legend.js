// What the colours on the map mean: a line for each value with its count, or a ramp with its range.
export function render({model}) {
  const lines = () => h("ul", {class: "lines"}, model.entries.map((entry) => h("li", {class: "line", title: entry.label},
    h("span", {class: "swatch", style: `background:${entry.colour}`}),
    h("span", {class: "name"}, entry.label), h("span", {class: "count"}, number(entry.count)))))
  const ramp = () => h("div", {class: "ramp"},
    h("div", {class: "gradient", style: `background:linear-gradient(90deg, ${model.ramp.join(", ")})`}),
    h("div", {class: "ends"}, h("span", {}, model.low), h("span", {}, model.high)))
  const absent = () => model.entries.length > 0 && lines()
  return draw(model, ["entries", "ramp", "low", "high", "kind"], () =>
    model.kind === "category" ? [lines()] : [model.ramp.length > 0 && ramp(), absent()])
}
