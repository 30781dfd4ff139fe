// What is missing and what to type. Reloads by itself once an index has been published.
function render({model}) {
  const look = setInterval(() => { if (!document.hidden) { model.send_msg({kind: "look"}) } }, 3000)
  model.on("remove", () => clearInterval(look))
  model.on("ready", () => { if (model.ready) { window.location.reload() } })
  return draw(model, ["heading", "reason", "commands"], () => [h("div", {class: "box"},
    h("h2", {}, model.heading), h("p", {class: "muted"}, model.reason),
    h("p", {}, "Type this in a terminal:"),
    h("pre", {}, model.commands.map((command) => h("code", {}, command))),
    h("p", {class: "muted"}, "This page opens the map by itself as soon as the index is there."))])
}
