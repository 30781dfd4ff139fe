// Remembers dark or light for a year, for this page and its server only. Shows nothing.
function render({model}) {
  const keep = () => { document.cookie = `clipper-theme=${model.dark ? "dark" : "light"}; path=/; max-age=31536000; SameSite=Strict` }
  model.on("dark", keep)
  return h("div", {hidden: true})
}
