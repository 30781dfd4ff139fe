// Shared by all components below: builds elements. Text is always set as text, never as markup.
const h = (tag, attributes = {}, ...children) => {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) { el.addEventListener(name.slice(2), value) }
    else if (value === true) { el.setAttribute(name, "") }
    else if (value !== false && value != null) { el.setAttribute(name, value) }
  }
  for (const child of children.flat(Infinity)) {
    if (child != null && child !== false) { el.append(typeof child === "object" ? child : document.createTextNode(String(child))) }
  }
  return el
}
const icon = (path) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("viewBox", "0 0 24 24")
  svg.setAttribute("aria-hidden", "true")
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path")
  shape.setAttribute("d", path)
  svg.append(shape)
  return svg
}
const ICONS = {
  down: "M6 9l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  target: "M12 3v3M12 18v3M3 12h3M18 12h3M12 8a4 4 0 100 8 4 4 0 000-8z",
  clock: "M12 7v5l3 2M12 3a9 9 0 100 18 9 9 0 000-18z",
  lens: "M11 4.5a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM16 16l4.5 4.5",
  picture: "M5 4h14a1 1 0 011 1v14a1 1 0 01-1 1H5a1 1 0 01-1-1V5a1 1 0 011-1zM4 16l4.5-4.5 4 4L15 13l5 5M15.5 9h.01",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  refresh: "M20 11a8 8 0 10-2 6M20 5v6h-6",
}
// The element that has the focus, also within components.
const focused = () => {
  let el = document.activeElement
  while (el?.shadowRoot?.activeElement) { el = el.shadowRoot.activeElement }
  return el
}
// Whether an element lies within another, through every shadow root.
const within = (el, root) => {
  for (let at = el; at; at = at.parentNode ?? at.host) { if (at === root) { return true } }
  return false
}
// While a sheet covers what lies beside it, that cannot be reached by the keyboard; whoever was there is at the sheet's title
// meanwhile, and in the end where they were. `open` tells whether it does, `changes` calls whenever that may be other.
const covers = (host, title, open, changes) => {
  let [covered, from] = [null, null]
  const look = () => {
    if (open() === (covered !== null) || !host.isConnected) { return }
    if (covered === null && host.getClientRects().length === 0) { requestAnimationFrame(look); return } // about to be shown
    if (covered === null) {
      covered = [...host.parentNode?.children ?? []].filter((el) => el !== host)
      from = covered.some((el) => within(focused(), el)) ? focused() : null
      covered.forEach((el) => { el.inert = true })
      if (from) { title()?.focus({preventScroll: true}) }
      return
    }
    const back = from?.isConnected && (within(focused(), host) || document.activeElement === document.body)
    covered.forEach((el) => { el.inert = false })
    covered = null
    if (back) { from.focus({preventScroll: true}) }
  }
  changes(() => requestAnimationFrame(look)) // once the sheet is drawn
  requestAnimationFrame(look)
}
// A grid of cards is one stop of the keyboard's; within it the arrows go from card to card. To be told whenever cards came or went.
const roving = (grid) => {
  const cards = () => [...grid.querySelectorAll(".card")]
  const card_of = (event) => event.target.closest(".card")
  const stop = (at) => cards().forEach((el) => { el.tabIndex = el === at ? 0 : -1 })
  grid.addEventListener("focusin", (event) => { if (card_of(event)) { stop(card_of(event)) } })
  grid.addEventListener("keydown", (event) => {
    const [all, from] = [cards(), card_of(event)]
    if (!from || event.ctrlKey || event.metaKey || event.altKey) { return }
    const top = (el) => el.getBoundingClientRect().top
    const [at, row] = [all.indexOf(from), all.findIndex((el) => top(el) !== top(all[0]))]
    const columns = row < 0 ? all.length : row
    const to = {ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: all.length - 1}[event.key]
    if (to === undefined) { return }
    event.preventDefault()
    event.stopPropagation()
    all[to]?.focus()
  })
  return () => stop(cards().find((el) => el.tabIndex === 0) ?? cards()[0])
}
// Whether a text could be put on the clipboard.
const copy_text = async (text) => {
  try { await navigator.clipboard.writeText(text); return true } catch { // not every page may: then as browsers did it before
    const area = h("textarea", {style: "position:fixed;opacity:0"})
    area.value = text
    document.body.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    return done
  }
}
const base = () => window.location.pathname.replace(/\/+$/, "")
// The address says which bytes are meant: an image that has not changed is not fetched again for a new version.
const image_url = (size, {id, stamp}) => {
  const path = id.split("/").map(encodeURIComponent).join("/")
  return `${base()}/img/${size}/${path}?is=${encodeURIComponent(stamp)}`
}
// A text of a column as it is shown: an empty one is one too.
const said = (text) => text.trim() === "" ? "Empty" : text
const number = (value) => Number(value).toLocaleString("en-US")
const counted = (n) => `${number(n)} ${n === 1 ? "image" : "images"}`
// Brings the children of `parent` to `wanted` and leaves alone what stays: its focus, its place, its pictures.
const arrange = (parent, wanted) => {
  const kept = new Set(wanted)
  for (const el of [...parent.children]) { if (!kept.has(el)) { el.remove() } }
  wanted.forEach((el, i) => { if (parent.children[i] !== el) { parent.insertBefore(el, parent.children[i] ?? null) } })
}
// Rebuilds a component when any of `names` changed: once for all changes of one message from the server.
const draw = (model, names, build, name = "root") => {
  const root = h("div", {class: name})
  let waiting = false
  const update = () => { waiting = false; root.replaceChildren(...build().filter((el) => el != null && el !== false)) }
  const soon = () => { if (!waiting) { waiting = true; queueMicrotask(update) } }
  names.forEach((name) => model.on(name, soon))
  update()
  return root
}
