// Explains the colours on the map. A line hides and shows its value; the histogram's brush filters by a
// range.

import { arrange, h, onChange } from "../dom.js"
import { histogram } from "../histogram.js"
import { formatNumber, formatValue } from "../text.js"
import { afterPause, batched } from "../timing.js"
import { keepForm, wordsField } from "./words.js"

/** @import { Chart, Component, LegendEntry, Model, OwnWords } from "../types" */

/**
 * @typedef {object} Properties
 * @property {string} column that colours the map
 * @property {string} kind of the colouring
 * @property {LegendEntry[]} entries
 * @property {string[]} ramp the colours of a scale, low to high
 * @property {string} low
 * @property {string} high
 * @property {Chart | { whole?: undefined }} chart the histogram of a scale
 * @property {string} hint what to do where there is nothing to show yet, ""
 * @property {number} others how many values have no colour of their own
 * @property {LegendEntry[]} found the values that a search found
 * @property {OwnWords | { text?: undefined }} words the visitor's own words, {} unless they colour the map
 */

/** Number of values of a column that have a colour of their own. */
const COLOURED = 20

/** The text is sent this many milliseconds after the last letter. */
const TYPING = 180

/** @param {Component<Properties>} component */
export function render({ model }) {
  const all = lineList(model, "lines")
  const found = lineList(model, "lines found")
  const nothing = h("div", { class: "muted nothing" }, "No value like this")
  const matches = h("div", { class: "matches" }, found.el, nothing)
  const find = h("input", {
    type: "search",
    class: "find",
    maxlength: "200",
    autocomplete: "off",
    spellcheck: "false",
  })
  find.addEventListener(
    "input",
    afterPause(() => model.send_msg({ kind: "find", part: find.value }), TYPING),
  )
  const chart = histogram("Legend", (span) =>
    model.send_msg({ kind: "range", from: span?.[0] ?? null, to: span?.[1] ?? null }),
  )
  const ramp = colourRamp(model)
  const hint = h("div", { class: "muted hint" })
  const field = wordsField(model)
  const keep = keepForm(model)

  const updateSearch = () => {
    const isSearching = model.others > 0 && find.value.trim() !== ""
    if (isSearching && !all.el.hidden) {
      matches.style.minHeight = `${all.el.offsetHeight}px` // keep the card's size while a person types
    }
    all.el.hidden = isSearching
    matches.hidden = !isSearching
    nothing.hidden = model.found.length > 0
    find.hidden = model.others === 0
    find.placeholder = `Find among ${formatNumber(model.others + COLOURED)} values`
    find.setAttribute("aria-label", find.placeholder)
  }
  let { column } = model
  const update = () => {
    if (column !== model.column) {
      column = model.column
      find.value = ""
      all.clear()
      found.clear()
    }
    const hasChart = (model.chart.whole?.length ?? 0) > 0
    chart.el.hidden = !hasChart
    if (model.chart.whole && hasChart) {
      chart.update(model.chart)
    }
    ramp.update(hasChart)
    hint.textContent = model.hint
    field.update()
    keep.update()
    all.update(model.entries)
    updateSearch()
    found.update(model.found)
  }
  onChange(
    model,
    ["column", "entries", "ramp", "low", "high", "kind", "chart", "hint", "others", "found", "words"],
    batched(update),
  )
  update()
  return h("div", { class: "root" }, field.el, chart.el, ramp.el, find, all.el, matches, keep.el, hint)
}

/**
 * Build the colours of a scale, with labels at its ends. It is hidden if there is a histogram.
 *
 * @param {Model<Properties>} model
 */
function colourRamp(model) {
  const gradient = h("div", { class: "gradient" })
  const [low, high] = [h("span"), h("span")]
  const el = h("div", { class: "ramp" }, gradient, h("div", { class: "ends" }, low, high))
  /** @param {boolean} hasChart */
  const update = (hasChart) => {
    const { ramp } = model
    el.hidden = ramp.length === 0 || hasChart
    gradient.style.background = ramp.length > 0 ? `linear-gradient(90deg, ${ramp.join(", ")})` : ""
    low.textContent = model.low
    high.textContent = model.high
  }
  return { el, update }
}

/**
 * Build a list of lines. A line that stays keeps its focus.
 *
 * @param {Model<Properties>} model
 * @param {string} className
 */
function lineList(model, className) {
  const el = h("ul", { class: className })
  /** @type {Map<string, ReturnType<typeof legendLine>>} */
  const lines = new Map()
  /** @param {LegendEntry} entry */
  const lineOf = (entry) => {
    const key = JSON.stringify([entry.value, entry.label, entry.others])
    const line = lines.get(key) ?? legendLine(model)
    lines.set(key, line)
    line.update(entry)
    return line.el
  }
  /** @param {LegendEntry[]} entries */
  const update = (entries) => arrange(el, entries.map(lineOf))
  return { el, update, clear: () => lines.clear() }
}

/**
 * Build a line: one button hides and shows its value, another shows only this value.
 *
 * @param {Model<Properties>} model
 */
function legendLine(model) {
  /** @type {LegendEntry | null} */
  let shown = null
  /** @param {"toggle" | "only"} kind */
  const send = (kind) => model.send_msg({ kind, label: shown?.value ?? null, others: Boolean(shown?.others) })
  const swatch = h("span", { class: "swatch" })
  const name = h("span", { class: "name" })
  const count = h("span", { class: "count" })
  const toggle = h(
    "button",
    { type: "button", class: "toggle", onclick: () => send("toggle") },
    swatch,
    name,
    count,
  )
  const only = h("button", { type: "button", class: "only", onclick: () => send("only") })
  const bar = h("span", { class: "part", "aria-hidden": "true" })
  const el = h("li", { class: "line" }, toggle, bar, only)
  /** @param {LegendEntry} entry */
  const update = (entry) => {
    shown = entry
    const { label, on } = entry
    const now = entry.now ?? entry.count
    const isFixed = on === undefined
    el.style.setProperty("--colour", entry.colour)
    name.textContent = formatValue(label)
    name.classList.toggle("muted", label.trim() === "")
    const isPart = now !== entry.count
    count.replaceChildren(
      formatNumber(now),
      ...(isPart ? [h("span", { class: "of" }, ` / ${formatNumber(entry.count)}`)] : []),
    )
    bar.hidden = !isPart
    bar.style.setProperty("--part", `${(100 * now) / Math.max(1, entry.count)}%`)
    el.classList.toggle("off", on === false)
    toggle.disabled = isFixed
    toggle.setAttribute("aria-pressed", String(on !== false))
    const figures = `${formatNumber(now)} of ${formatNumber(entry.count)}`
    toggle.title = isFixed ? label : `${label}: ${figures}. Press to ${on ? "hide" : "show"}.`
    only.hidden = isFixed
    only.setAttribute("aria-label", `Show only ${label}`)
  }
  return { el, update }
}
