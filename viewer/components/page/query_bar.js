// The query bar. Files come by its button, by paste and by drop anywhere on the page; they go to the server in pieces.
const CHUNK = 1 << 20
const OURS = "application/x-clipper-image" // a card of this page that is dragged
const HELP = [
  ["a dog on the beach", "words, as you would describe the image"],
  ["dog -indoor", "less of what a minus stands before"],
  ['"red car" +snow', "quotes keep a phrase together, a plus sets a term apart"],
  ["dog^2 -cat^0.5", "weights; without one a term counts 1, a minus 0.3, an image less 0.5"],
]
const picture_of = (part) => part.picture ?? (part.image && image_url("thumb", part.image))
const chip = (model, part) => h("span", {class: `image${part.minus ? " minus" : ""}`, title: `${part.minus ? "Less" : "More"} like ${part.label}`},
  picture_of(part) && h("img", {src: picture_of(part), alt: ""}),
  part.minus && h("span", {class: "sign", "aria-hidden": "true"}, "−"),
  h("button", {type: "button", class: "off", "aria-label": `Remove ${part.minus ? "less" : "more"} like ${part.label}`,
    onclick: () => model.send_msg({kind: "drop", term: part.key})}, icon(ICONS.close)))

function render({model}) {
  const say = (kind, more = {}) => model.send_msg({kind, ...more})
  const words = h("input", {class: "words", type: "text", size: "1", maxlength: "1000", autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
    "aria-label": "Search images", onkeydown: (event) => {
      if (event.isComposing) { return }
      if (event.key === "Enter") { sent = words.value; say("ask", {text: sent}) }
      if (event.key === "Backspace" && words.value === "" && model.images.length > 0) { say("drop", {term: model.images.at(-1).key}) }
    }, oninput: () => root.classList.toggle("filled", filled())})
  let sent = ""
  const filled = () => words.value !== "" || model.images.length > 0
  // -- images
  let sending = 0
  const refuse = (why, count = 0) => { ++sending; say("refuse", {why, count}) } // what is on its way is called off too
  const send = async (file) => {
    const number = ++sending
    say("begin", {number, name: file.name, size: file.size})
    let at = 0
    do {
      const data = await file.slice(at, at + CHUNK).arrayBuffer().catch(() => null) // a folder, or gone meanwhile
      if (number !== sending) { return }
      if (data === null) { refuse("nothing"); return }
      say("part", {number, data})
      at += CHUNK
    } while (at < file.size)
  }
  const take = (files) => {
    if (files.length > 1) { refuse("many", files.length) }
    else if (files[0].size > model.most_bytes) { refuse("large", files[0].size) }
    else { send(files[0]) }
  }
  const chosen = h("input", {type: "file", accept: "image/*", class: "chosen", tabindex: "-1", "aria-hidden": "true",
    onchange: () => { if (chosen.files.length > 0) { take([...chosen.files]) } chosen.value = "" }})
  const target = h("div", {class: "target", "aria-hidden": "true"}, h("div", {}, "Drop an image to search with it"))
  const has = (event, type) => [...event.dataTransfer?.types ?? []].includes(type)
  const ours = (event) => has(event, OURS)
  const wanted = (event) => ours(event) || has(event, "Files") || has(event, "text/uri-list")
  let leaving
  const over = (event) => {
    if (!wanted(event)) { return }
    event.preventDefault()
    target.classList.add("shown")
    clearTimeout(leaving) // "dragover" comes again and again while something is over the page
    leaving = setTimeout(() => target.classList.remove("shown"), 250)
  }
  const drop = (event) => {
    if (!wanted(event)) { return }
    event.preventDefault()
    target.classList.remove("shown")
    const files = [...event.dataTransfer.files]
    if (ours(event)) { say("like", {id: event.dataTransfer.getData(OURS), minus: false}) }
    else if (files.length > 0) { take(files) }
    else { refuse(has(event, "text/uri-list") ? "link" : "nothing") }
  }
  const paste = (event) => {
    const files = [...event.clipboardData?.files ?? []]
    if (files.length === 0) { return } // words go where they are pasted
    event.preventDefault()
    take(files)
  }
  const heard = [["dragover", over], ["drop", drop], ["paste", paste]]
  heard.forEach(([name, listen]) => document.addEventListener(name, listen))
  model.on("remove", () => heard.forEach(([name, listen]) => document.removeEventListener(name, listen)))
  // -- help
  const help = h("div", {class: "help", id: "help", role: "region", "aria-label": "How to search", hidden: true},
    h("dl", {}, HELP.map(([example, meaning]) => [h("dt", {}, h("code", {}, example)), h("dd", {}, meaning)])),
    h("p", {}, "Images are terms too: “more like this” and “less like this” on every result, or drop, paste or choose one of yours (up to 20 MB)."),
    h("p", {class: "muted"}, "The query is the weighted sum of its terms’ unit vectors, scaled to length one. Beside images, words weigh 2.5 times as much: their cosines are that much smaller."))
  const asking = h("button", {type: "button", class: "square", "aria-label": "How to search", title: "How to search", "aria-expanded": "false", "aria-controls": "help",
    onclick: () => fold(help.hidden)}, "?")
  const fold = (open) => { help.hidden = !open; asking.setAttribute("aria-expanded", String(open)) }
  // -- the line
  const images = draw(model, ["images", "reading"], () => [...model.images.map((part) => chip(model, part)),
    model.reading && h("span", {class: "image reading", role: "status"}, h("span", {class: "wheel"}), h("span", {class: "name"}, `Reading ${model.reading}`))], "images")
  const clear = h("button", {type: "button", class: "square clear", "aria-label": "Clear the search", title: "Clear",
    onclick: () => { words.value = ""; say("clear"); update(); words.focus() }}, icon(ICONS.close))
  const root = h("div", {class: "root bar", role: "search", onkeydown: (event) => { if (event.key === "Escape") { fold(false) } },
    onfocusout: (event) => { if (!root.contains(event.relatedTarget)) { fold(false) } }},
  h("span", {class: "lens"}, icon(ICONS.lens)), images, words, clear,
  h("button", {type: "button", class: "square", "aria-label": "Search with an image", title: "Search with an image: choose, paste or drop one", onclick: () => chosen.click()}, icon(ICONS.picture)),
  asking, chosen, help, target)
  const update = () => {
    words.placeholder = model.images.length > 0 ? "Add words, e.g. “at night”" : "Search images, e.g. “a red heart”"
    root.classList.toggle("filled", filled())
  }
  const typing = () => words.matches(":focus") && words.value !== sent // of what goes on being typed nothing is lost
  let soon = false
  model.on("asked", () => { // the words come in the same message
    if (!soon) { soon = true; queueMicrotask(() => { soon = false; if (!typing()) { words.value = sent = model.words } update() }) }
  })
  model.on("images", update)
  words.value = model.words
  update()
  return root
}
