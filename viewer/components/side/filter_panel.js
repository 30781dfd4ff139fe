// A block for each column. Blocks stay while what they show changes: a focus, a drag and what is being typed with them.
const FIRST = 8 // values shown before "more" is pressed

const named = (value) => value == null ? "No value" : said(value)
const line_of = (model, column) => {
  const [name, count, bar] = [h("span", {class: "name"}), h("span", {class: "count"}), h("span", {class: "fill"}, h("i"), h("i"))]
  const el = h("button", {type: "button", class: "value"}, bar, name, count)
  let value = null
  el.addEventListener("click", () => model.send_msg({kind: "toggle", column, value}))
  const update = (line, most, filtered) => {
    value = line.value
    name.textContent = named(line.value)
    el.classList.toggle("none", !line.value?.trim())
    el.classList.toggle("off", filtered && !line.on)
    el.classList.toggle("on", filtered && line.on)
    el.setAttribute("aria-pressed", String(filtered && line.on))
    el.classList.toggle("zero", line.now === 0)
    el.title = `${named(line.value)}: ${number(line.now)} of ${number(line.whole)}`
    count.replaceChildren(number(line.now), ...(line.now === line.whole ? [] : [h("span", {class: "of"}, ` / ${number(line.whole)}`)]))
    ;[line.whole, line.now].forEach((n, i) => { bar.children[i].style.width = n > 0 ? `max(2px, ${100 * Math.min(1, n / most)}%)` : "0" })
  }
  return {el, update}
}
const field = (placeholder, say) => {
  let timer = null
  const input = h("input", {type: "search", class: "field", placeholder, "aria-label": placeholder, maxlength: "500", autocomplete: "off", spellcheck: "false"})
  const tell = () => { clearTimeout(timer); timer = setTimeout(() => say(input.value), 180) }
  input.addEventListener("input", tell)
  return input
}
const values_of = (model, column) => {
  const list = h("div", {class: "values"})
  const lines = new Map()
  let [all, item] = [false, null]
  const more = h("button", {type: "button", class: "action quiet more", onclick: () => { all = !all; update(item) }})
  const find = field("Find a value", (part) => { all = all || part !== ""; model.send_msg({kind: "find", column, part}) })
  const update = (told) => {
    item = told
    const shown = item.lines.filter((line, i) => all || i < FIRST || (item.on && line.on === item.picks))
    const wanted = item.missing.whole ? [...shown, item.missing] : shown
    const els = wanted.map((line) => {
      const key = JSON.stringify(line.value)
      if (!lines.has(key)) { lines.set(key, line_of(model, column)) }
      lines.get(key).update(line, Math.max(item.most, item.missing.whole ?? 0), item.on)
      return lines.get(key).el
    })
    arrange(list, els)
    find.hidden = item.total <= 20
    find.placeholder = `Find among ${number(item.total)} values`
    find.setAttribute("aria-label", `${item.title}: find among ${number(item.total)} values`)
    const rest = item.lines.length - FIRST
    more.hidden = rest <= 0 || item.part !== ""
    more.textContent = all ? "Show fewer" : `${number(rest)} more`
    more.setAttribute("aria-expanded", String(all))
    empty.hidden = item.lines.length > 0
  }
  const empty = h("div", {class: "muted empty"}, "No value like this")
  return {el: h("div", {}, find, list, empty, more), update}
}
const scale_of = (model, column, title) => {
  const chart = histogram(title, (span) => model.send_msg({kind: "range", column, from: span?.[0] ?? null, to: span?.[1] ?? null}))
  const none = line_of(model, column)
  const el = h("div", {}, chart.el, none.el)
  const update = (item) => {
    chart.update(item.chart)
    none.el.hidden = !item.missing.whole
    if (item.missing.whole) { none.update(item.missing, Math.max(...item.chart.whole, item.missing.whole), item.on) }
  }
  return {el, update}
}
const text_of = (model, column) => {
  const input = field("Contains…", (text) => model.send_msg({kind: "text", column, text}))
  const none = line_of(model, column)
  let [told, all] = ["", 0]
  const update = (item) => {
    input.setAttribute("aria-label", `${item.title} contains`)
    if (item.text !== told) { told = item.text; if (input.getRootNode().activeElement !== input) { input.value = told } } // not what is being typed
    none.el.hidden = !item.missing.whole
    if (item.missing.whole) { none.update(item.missing, item.missing.whole, item.on) }
  }
  return {el: h("div", {}, input, none.el), update}
}
const KINDS = {values: values_of, number: scale_of, time: scale_of, text: text_of}

// When chips come or go above the panel, what is under the pointer stays there.
const stand_still = (model, panel, list) => {
  let top = null
  const seen = () => { top = list.getBoundingClientRect().top }
  panel.addEventListener("scroll", seen, {passive: true})
  const watch = new ResizeObserver(() => {
    if (panel.offsetHeight === 0) { top = null; return }
    if (top != null) { panel.scrollTop += list.getBoundingClientRect().top - top }
    seen()
  })
  watch.observe(panel)
  model.on("remove", () => watch.disconnect())
}

function render({model, view}) {
  const list = h("div", {class: "facets"})
  const blocks = new Map()
  const block = (item) => {
    const part = KINDS[item.kind](model, item.name, item.title)
    const words = h("span", {class: "words"})
    const el = h("section", {class: "facet", "aria-label": item.title}, h("div", {class: "row title"}, h("h3", {class: "grow"}, item.title), words), part.el)
    return {el, kind: item.kind, update: (told) => {
      words.textContent = told.words ?? ""
      el.classList.toggle("used", told.on)
      part.update(told)
    }}
  }
  const update = () => {
    const kept = model.items.map((item) => {
      if (blocks.get(item.name)?.kind !== item.kind) { blocks.set(item.name, block(item)) }
      blocks.get(item.name).update(item)
      return blocks.get(item.name).el
    })
    arrange(list, kept)
  }
  model.on("items", update)
  update()
  stand_still(model, view.el, list)
  const state = draw(model, ["ready", "items"], () => [
    !model.ready ? h("div", {class: "muted wait", role: "status"}, "Counting the columns…")
      : model.items.length === 0 && h("div", {class: "muted wait"}, "There is nothing to filter by: no column tells the images apart.")], "news")
  return h("div", {class: "root"}, state, list)
}
