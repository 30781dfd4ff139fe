// What the colours on the map mean. A line hides and shows its value; the histogram's brush filters by its range.
function render({model}) {
  const send = (kind, entry) => model.send_msg({kind, label: entry.value ?? null, others: Boolean(entry.others)})
  const lines = new Map() // by what they stand for: a line that stays keeps its focus
  const line = () => {
    const [swatch, name, count] = ["swatch", "name", "count"].map((part) => h("span", {class: part}))
    let entry = {}
    const toggle = h("button", {type: "button", class: "toggle", onclick: () => send("toggle", entry)}, swatch, name, count)
    const only = h("button", {type: "button", class: "only", onclick: () => send("only", entry)})
    const el = h("li", {class: "line"}, toggle, only)
    return {el, update: (told) => {
      entry = told
      const fixed = entry.on == null
      swatch.style.setProperty("--colour", entry.colour)
      name.textContent = said(entry.label)
      name.classList.toggle("muted", entry.label.trim() === "")
      count.replaceChildren(number(entry.now ?? entry.count))
      el.classList.toggle("off", entry.on === false)
      toggle.disabled = fixed
      only.hidden = fixed
      toggle.setAttribute("aria-pressed", String(entry.on !== false))
      toggle.title = fixed ? entry.label : `${entry.label}: ${number(entry.now)} of ${number(entry.count)}. Press to ${entry.on ? "hide" : "show"}.`
      only.setAttribute("aria-label", `Show only ${entry.label}`)
    }}
  }
  const fill = (list, entries, where) => arrange(list, entries.map((entry) => {
    const key = JSON.stringify([where, entry.value, entry.label, entry.others])
    if (!lines.has(key)) { lines.set(key, line()) }
    lines.get(key).update(entry)
    return lines.get(key).el
  }))
  const [list, found] = ["lines", "lines found"].map((name) => h("ul", {class: name}))
  let timer = null
  const find = h("input", {type: "search", class: "find", maxlength: "200", autocomplete: "off", spellcheck: "false"})
  find.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => model.send_msg({kind: "find", part: find.value}), 180) })
  const nothing = h("div", {class: "muted nothing"}, "No value like this")
  const matches = h("div", {class: "matches"}, found, nothing)
  const chart = histogram("Legend", (span) => model.send_msg({kind: "range", from: span?.[0] ?? null, to: span?.[1] ?? null}))
  const gradient = h("div", {class: "gradient"})
  const ends = h("div", {class: "ends"}, h("span", {}), h("span", {}))
  const plain = h("div", {class: "ramp"}, gradient, ends)
  const hint = h("div", {class: "muted hint"})

  let column = model.column
  const update = () => {
    if (column !== model.column) { column = model.column; find.value = ""; lines.clear() }
    const charted = (model.chart.whole?.length ?? 0) > 0
    chart.el.hidden = !charted
    if (charted) { chart.update(model.chart) }
    plain.hidden = model.ramp.length === 0 || charted
    gradient.style.background = model.ramp.length > 0 ? `linear-gradient(90deg, ${model.ramp.join(", ")})` : ""
    ;[model.low, model.high].forEach((text, i) => { ends.children[i].textContent = text })
    hint.textContent = model.hint
    fill(list, model.entries, "all")
    const searching = model.others > 0 && find.value.trim() !== ""
    if (searching && !list.hidden) { matches.style.minHeight = `${list.offsetHeight}px` } // the card keeps its size while one types
    list.hidden = searching
    matches.hidden = !searching
    find.hidden = model.others === 0
    find.placeholder = `Find among ${number(model.others + 20)} values`
    find.setAttribute("aria-label", find.placeholder)
    fill(found, model.found, "found")
    nothing.hidden = model.found.length > 0
  }
  let waiting = false
  const soon = () => { if (!waiting) { waiting = true; queueMicrotask(() => { waiting = false; update() }) } }
  ;["column", "entries", "ramp", "low", "high", "kind", "chart", "hint", "others", "found"].forEach((name) => model.on(name, soon))
  update()
  return h("div", {class: "root"}, chart.el, plain, find, list, matches, hint)
}
