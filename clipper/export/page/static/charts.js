// Charts of the columns: bars that filter. A bar shows how many of its images pass all filters.

import { grouped, make } from "./parts.js"

const SHOWN = 8 // bars before the rest is asked for
const BINS = 24 // of a number

/**
 * @typedef {{ name: string, kind: string, labels: string[], counts: number[], others: number, edges: string[],
 *   bins: string[], codes: Uint8Array, rows: Uint32Array[], totals: number[], picked: Set<number>, open: boolean, refresh: () => void }} ChartColumn
 */

/** @param {ChartColumn} column
 *  @param {any} codes */
const isRamp = (column) => column.kind === "number" || column.kind === "time"

/**
 * The key of a bar that an image is in: the code of a category, or the bin of a number.
 *
 * @param {ChartColumn} column
 * @param {number} code
 * @param {{ ramp: number, missing: number }} codes
 */
export const keyOf = (column, code, codes) =>
  isRamp(column) && code !== codes.missing ? Math.min(BINS - 1, Math.floor((code / codes.ramp) * BINS)) : code

/**
 * Compute which images pass the filters of all columns.
 *
 * @param {ChartColumn[]} columns
 * @param {Uint8Array} passes
 * @param {any} codes
 */
export function applyFilters(columns, passes, codes) {
  passes.fill(1)
  for (const column of columns) {
    if (column.picked.size) {
      const keep = column.kind === "list" ? maskOfItems(column, passes.length) : maskOfCodes(column, codes)
      for (let i = 0; i < passes.length; i += 1) {
        passes[i] &= keep(i)
      }
    }
  }
}

/** @param {ChartColumn} column
 *  @param {number} n */
function maskOfItems(column, n) {
  const mask = new Uint8Array(n)
  for (const item of column.picked) {
    for (const row of column.rows[item]) {
      mask[row] = 1
    }
  }
  return (/** @type {number} */ i) => mask[i]
}

/** @param {ChartColumn} column
 *  @param {any} codes */
function maskOfCodes(column, codes) {
  const wanted = Uint8Array.from({ length: 256 }, (_, code) =>
    column.picked.has(keyOf(column, code, codes)) ? 1 : 0,
  )
  return (/** @type {number} */ i) => wanted[column.codes[i]]
}

/**
 * Count the images of each bar, of those that pass.
 *
 * @param {ChartColumn} column
 * @param {Uint8Array | null} passes
 * @param {any} codes
 */
export function countBars(column, passes, codes) {
  if (column.kind === "list") {
    return column.rows.map((rows) => (passes ? rows.reduce((sum, row) => sum + passes[row], 0) : rows.length))
  }
  const byCode = new Array(256).fill(0)
  for (let i = 0; i < column.codes.length; i += 1) {
    byCode[column.codes[i]] += passes ? passes[i] : 1
  }
  const counts = new Array(256).fill(0)
  for (let code = 0; code < 256; code += 1) {
    counts[keyOf(column, code, codes)] += byCode[code]
  }
  return counts
}

/**
 * Draw the charts again.
 *
 * @param {HTMLElement} el
 * @param {any} model
 * @param {() => void} changed
 */
export function drawCharts(el, model, changed) {
  const charts = model.columns.map((column) => drawChart(column, model, changed))
  const first = model.columns.indexOf(model.colourColumn)
  el.replaceChildren(...(first > 0 ? [charts[first], ...charts.filter((_, at) => at !== first)] : charts))
}

/**
 * @param {ChartColumn} column
 * @param {any} model
 * @param {() => void} changed
 */
function drawChart(column, model, changed) {
  column.totals ??= countBars(column, null, model.main.codes)
  const parts = countBars(column, model.filtered ? model.passes : null, model.main.codes)
  const pick = (key) => {
    column.picked.has(key) ? column.picked.delete(key) : column.picked.add(key)
    changed()
  }
  const body = isRamp(column) ? spans(column, parts, model, pick) : bars(column, parts, model, pick, changed)
  return make(
    "div",
    { class: "chart", role: "group", "aria-label": column.name },
    make("h2", {}, column.name),
    ...body,
  )
}

/**
 * @param {number} part
 * @param {number} whole
 * @param {boolean} filtered
 */
const fraction = (part, whole, filtered) =>
  filtered ? `${grouped(part)} / ${grouped(whole)}` : grouped(whole)

/** @param {ChartColumn} column
 *  @param {any} codes */
function barList(column, codes) {
  const listed = column.labels.map((label, key) => ({ label, key }))
  if (column.kind === "category") {
    if (column.totals[codes.other]) {
      listed.push({ label: `${grouped(column.others)} others`, key: codes.other })
    }
    if (column.totals[codes.missing]) {
      listed.push({ label: "No value", key: codes.missing })
    }
  }
  return listed
}

function bars(column, parts, model, pick, changed) {
  const listed = barList(column, model.main.codes)
  const most = Math.max(1, ...listed.map(({ key }) => column.totals[key]))
  const visible = column.open || listed.length <= SHOWN + 1 ? listed : listed.slice(0, SHOWN)
  const coloured = column === model.colourColumn
  const made = visible.map(({ label, key }) => {
    const whole = column.totals[key]
    const tint = coloured ? model.hex[model.colourOf(key)] : ""
    const share = (count) => ({ width: `${(100 * count) / most}%`, ...(tint && { background: tint }) })
    return make(
      "button",
      {
        class: "bar",
        type: "button",
        "aria-pressed": String(column.picked.has(key)),
        title: label,
        onclick: () => pick(key),
      },
      make("span", { class: "whole", style: share(whole) }),
      make("span", { class: "part", style: share(parts[key]) }),
      ...(coloured ? [make("span", { class: "dot", style: { background: tint } })] : []),
      make("span", { class: "label" }, label),
      make("span", { class: "number" }, fraction(parts[key], whole, model.filtered)),
    )
  })
  const more = make(
    "button",
    {
      class: "more",
      type: "button",
      onclick: () => {
        column.open = !column.open
        changed()
      },
    },
    column.open ? "Fewer" : `${grouped(listed.length - visible.length)} more`,
  )
  return [make("div", { class: "bars" }, ...made), ...(listed.length > SHOWN + 1 ? [more] : [])]
}

function spans(column, parts, model, pick) {
  const most = Math.max(1, ...column.totals.slice(0, BINS))
  const coloured = column === model.colourColumn
  const made = Array.from({ length: BINS }, (_, bin) => {
    const [from = "", to = ""] = column.bins.slice(bin, bin + 2)
    const label = `${from} to ${to}: ${fraction(parts[bin], column.totals[bin], model.filtered)}`
    const tint = coloured ? model.hex[Math.floor(((bin + 0.5) / BINS) * model.main.codes.ramp)] : ""
    const height = (count) => ({
      height: `${count ? Math.max(3, (100 * count) / most) : 0}%`,
      ...(tint && { background: tint }),
    })
    return make(
      "button",
      {
        class: "span",
        type: "button",
        "aria-pressed": String(column.picked.has(bin)),
        "aria-label": label,
        title: label,
        onclick: () => pick(bin),
      },
      make("span", { class: "whole", style: height(column.totals[bin]) }),
      make("span", { class: "part", style: height(parts[bin]) }),
    )
  })
  const edges = make("div", { class: "edges" }, ...column.edges.map((edge) => make("span", {}, edge)))
  return [make("div", { class: "spans" }, ...made), edges]
}
