// The overview of the dataset: its figures, and the files that cannot be read, page by page.

import { draw, h, ICONS, icon } from "../dom.js"
import { coverNeighbours } from "../focus.js"
import { formatNumber } from "../text.js"

/** @import { Child, Component, Model } from "../types" */

/** @typedef {[label: string, count: number]} Count */

/**
 * A run of the index.
 *
 * @typedef {object} Run
 * @property {string} at its time, in ISO format
 * @property {string} version
 * @property {string} took how long, "" if that is unknown
 * @property {number | null} images
 * @property {[kind: string, text: string][]} changes
 */

/**
 * @typedef {object} Summary
 * @property {[string, string][]} facts names and values
 * @property {[string, string, string][]} layout names, values and what they mean
 * @property {Run[]} runs
 * @property {Count[]} formats
 * @property {Count[]} sizes
 * @property {Count[]} taken
 * @property {[name: string, type: string, source: string, filled: number][]} columns
 */

/**
 * @typedef {object} Properties
 * @property {boolean} open whether it covers the panel
 * @property {string} title
 * @property {Summary | { facts?: undefined }} about {} until it is made
 * @property {boolean} lost whether the figures could not be made
 * @property {number} failed how many files cannot be read
 * @property {number} start the place of the first of `failures` among them
 * @property {[file: string, reason: string][]} failures one page
 * @property {number} turn changes with each page
 */

const WHEN = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" })

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  const about = draw(model, ["about", "lost"], () => summary(model), "about")
  const head = draw(model, ["title"], () => [heading(model)], "head")
  coverNeighbours(
    view.el,
    () => head.querySelector("h2"),
    () => model.open,
    (look) => model.on("open", look),
  )
  return h(
    "div",
    { class: "root" },
    h("section", { class: "sheet", "aria-label": "About the dataset" }, head, failureList(model), about),
  )
}

/** @param {Model<Properties>} model */
function heading(model) {
  const close = h(
    "button",
    {
      class: "square",
      type: "button",
      title: "Close (Esc)",
      "aria-label": "Close the overview",
      onclick: () => model.send_msg({ kind: "close" }),
    },
    icon(ICONS.close),
  )
  return h("div", { class: "row top" }, h("h2", { class: "grow", tabindex: "-1" }, model.title), close)
}

/**
 * @param {Model<Properties>} model
 * @returns {Child[]}
 */
function summary({ about, lost }) {
  if (lost) {
    const trouble = "The figures could not be made. The server's log says why."
    return [h("div", { class: "error", role: "alert" }, trouble)]
  }
  if (!about.facts) {
    return [h("div", { class: "muted", role: "status" }, "Counting…")]
  }
  return [
    definitions("The dataset", about.facts),
    definitions("The map", about.layout),
    bars("Formats", about.formats),
    bars("Longer side", about.sizes),
    timeline("Taken", about.taken),
    runList(about.runs),
    columnTable(about.columns),
  ]
}

/**
 * @param {string} title
 * @param {Child[]} children
 */
function block(title, ...children) {
  return h("section", { class: "block" }, h("h3", {}, title), children)
}

/**
 * Build a list of names and values, some with an explanation.
 *
 * @param {string} title
 * @param {[name: string, value: string, meaning?: string][]} rows
 */
function definitions(title, rows) {
  const list = rows.map(([name, value, meaning]) => [
    h("dt", {}, name),
    h("dd", {}, value, meaning !== undefined && h("div", { class: "muted meaning" }, meaning)),
  ])
  return rows.length > 0 && block(title, h("dl", {}, list))
}

/**
 * Build horizontal bars for counts.
 *
 * @param {string} title
 * @param {Count[]} rows
 */
function bars(title, rows) {
  const most = mostOf(rows)
  const list = rows.map(([label, count]) => [
    h("span", { class: "name", title: label }, label),
    h(
      "span",
      { class: "track" },
      h("span", { class: "fill", style: `width:${Math.max(1, (count / most) * 100)}%` }),
    ),
    h("span", { class: "count" }, formatNumber(count)),
  ])
  return rows.length > 0 && block(title, h("div", { class: "bars" }, list))
}

/**
 * Build vertical bars for counts over time.
 *
 * @param {string} title
 * @param {Count[]} rows
 */
function timeline(title, rows) {
  const [first, last] = [rows[0], rows.at(-1)]
  if (!first || !last || rows.length === 1) {
    return false
  }
  const most = mostOf(rows)
  const slots = rows.map(([label, count]) =>
    h(
      "span",
      { class: "slot", title: `${label}: ${formatNumber(count)}` },
      h("span", { style: `height:${Math.max(count > 0 ? 3 : 0, (count / most) * 100)}%` }),
    ),
  )
  const spoken = `${title}: ${rows.map(([label, count]) => `${label} ${count}`).join(", ")}`
  return block(
    title,
    h("div", { class: "time", role: "img", "aria-label": spoken }, slots),
    h("div", { class: "row ends muted" }, h("span", { class: "grow" }, first[0]), h("span", {}, last[0])),
  )
}

/** @param {Count[]} rows */
function mostOf(rows) {
  return Math.max(...rows.map(([, count]) => count), 1)
}

/** @param {Run[]} runs */
function runList(runs) {
  const title = runs.length === 1 ? "The last run" : "The last runs"
  return runs.length > 0 && block(title, h("ul", { class: "runs" }, runs.map(runLine)))
}

/** @param {Run} run */
function runLine({ at, version, took, images, changes }) {
  const words =
    changes.length === 0
      ? h("span", {}, "No image came or went")
      : changes.map(([kind, text]) => h("span", { class: `change ${kind}` }, text))
  const count = images === null ? "" : `${formatNumber(images)} images · `
  return h(
    "li",
    {},
    h(
      "div",
      { class: "row" },
      h("time", { class: "grow", datetime: at }, WHEN.format(new Date(at))),
      took && h("span", { class: "muted", title: "How long it took" }, took),
    ),
    h(
      "div",
      { class: "row muted" },
      h("span", { class: "grow" }, words),
      h("span", { title: `Version ${version}` }, `${count}${version.slice(0, 7)}`),
    ),
  )
}

/** @param {Summary["columns"]} columns */
function columnTable(columns) {
  const heads = ["Column", "Type", "From", "Filled"].map((name) => h("th", { scope: "col" }, name))
  const rows = columns.map(([name, type, source, filled]) =>
    h(
      "tr",
      {},
      h("td", {}, name),
      h("td", { class: "muted" }, type),
      h("td", { class: "muted" }, source),
      h("td", { class: "count" }, formatNumber(filled)),
    ),
  )
  const table = h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows))
  return columns.length > 0 && block("Metadata", table)
}

/**
 * Build the list of files that cannot be read, with the reasons. It is hidden if there are none.
 *
 * @param {Model<Properties>} model
 */
function failureList(model) {
  const title = h("h3", { id: "failures" })
  const list = h("ul", { class: "failures" })
  const askFrom = (/** @type {number} */ start) => model.send_msg({ kind: "more", start })
  const more = h("button", {
    class: "action",
    type: "button",
    onclick: () => askFrom(list.children.length),
  })
  const el = h("section", { class: "block", "aria-labelledby": "failures" }, title, list, more)
  const addPage = () => {
    if (model.start === 0) {
      list.replaceChildren()
    }
    if (model.start !== list.children.length) {
      return
    }
    const lines = model.failures.map(([file, reason]) =>
      h("li", {}, h("div", { class: "file" }, file), h("div", { class: "muted" }, reason)),
    )
    list.append(...lines)
    const rest = model.failed - list.children.length
    el.classList.toggle("gone", model.failed === 0)
    title.textContent = `Files that cannot be read (${formatNumber(model.failed)})`
    more.classList.toggle("gone", rest <= 0)
    more.textContent = `Show more (${formatNumber(rest)} left)`
  }
  model.on("turn", addPage)
  if (model.start > 0) {
    askFrom(0)
  } else {
    addPage()
  }
  return el
}
