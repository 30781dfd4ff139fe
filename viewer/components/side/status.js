// The status line: the number of images, the age of the index, and the latest changes. A problem with the
// index stands above it.

import { draw, h, ICONS, icon } from "../dom.js"
import { countImages, formatNumber } from "../text.js"

/** @import { Component } from "../types" */

/** Milliseconds between two updates of the age. */
const REFRESH = 30000

/**
 * Units of an age, each with its number of units of the line before; the first is in seconds.
 *
 * @type {[number, string][]}
 */
const UNITS = [
  [60, "minute"],
  [60, "hour"],
  [24, "day"],
  [365, "year"],
]

/**
 * Format an age: "just now", "1 minute ago", "3 days ago".
 *
 * @param {number} seconds
 */
export function formatAge(seconds) {
  let value = Math.max(0, seconds)
  let unit = ""
  for (const [size, name] of UNITS) {
    if (value < size) {
      break
    }
    value /= size
    unit = name
  }
  const whole = Math.floor(value)
  return unit === "" ? "just now" : `${whole} ${unit}${whole === 1 ? "" : "s"} ago`
}

/**
 * @typedef {object} Properties
 * @property {number} total
 * @property {number | null} part how many of them the charts count, null for all
 * @property {number} failed
 * @property {string} indexed_at
 * @property {string} lately what came and went, "" for nothing
 * @property {string} trouble why the index cannot be read, ""
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  const line = () => {
    const age = formatAge((Date.now() - Date.parse(model.indexed_at)) / 1000)
    const failed = model.failed > 0 && `${formatNumber(model.failed)} unreadable`
    const part = model.part === null ? "" : `${formatNumber(model.part)} of `
    return [`${part}${countImages(model.total)}`, `indexed ${age}`, model.lately, failed]
      .filter(Boolean)
      .join(" · ")
  }
  const words = h("span", { class: "grow said" })
  const trouble = () =>
    h(
      "details",
      { class: "trouble", role: "status" },
      h("summary", {}, "The index cannot be read right now"),
      h("div", { class: "muted" }, `${model.trouble}. Until then the map shows what it was.`),
    )
  const root = draw(model, ["total", "part", "indexed_at", "failed", "lately", "trouble"], () => {
    words.textContent = line()
    return [
      model.trouble && trouble(),
      h(
        "button",
        {
          class: "line muted",
          type: "button",
          title: "About this dataset",
          onclick: () => model.send_msg({ kind: "overview" }),
        },
        icon(ICONS.clock),
        words,
        icon(ICONS.right),
      ),
    ]
  })
  const timer = setInterval(() => {
    words.textContent = line()
  }, REFRESH)
  model.on("remove", () => clearInterval(timer))
  return root
}
