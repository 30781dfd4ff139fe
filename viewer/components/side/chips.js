// The filters in use. Pressing a chip takes its filter away.
function render({model}) {
  const chip = (item) => h("button", {
    class: "chip filter", type: "button", title: `${item.title}: ${item.words}`, "aria-label": `Remove the filter ${item.title}: ${item.words}`,
    onclick: () => model.send_msg({kind: "drop", column: item.column}),
  }, h("span", {}, h("b", {}, item.title), ` ${item.words}`), icon(ICONS.close))
  return draw(model, ["items", "passing", "total"], () => model.items.length === 0 ? [] : [h("div", {class: "bar"},
    h("div", {class: "row line"},
      h("div", {class: "grow passing", role: "status"}, h("b", {}, number(model.passing)), h("span", {class: "whole"}, ` of ${number(model.total)} images`), " pass"),
      h("button", {class: "action quiet clear", type: "button", title: "Remove all filters", onclick: () => model.send_msg({kind: "clear"})}, "Clear filters")),
    h("div", {class: "chips"}, model.items.map(chip)))])
}
