// Lines of values in the filter panel: a name, a count, and a bar for each.

import { h } from "../dom.js"
import { formatNumber, formatValue } from "../text.js"

/** @import { Facet, ValueLine } from "../types" */
/** @import { PanelModel } from "./filter_panel.js" */

/** @param {ValueLine} line */
function nameOf({ value, label }) {
  return value === null ? (label ?? "No value") : formatValue(value)
}

/**
 * Say how a value's share of the part compares with its share of the whole.
 *
 * @param {ValueLine} line
 */
export function excessOf({ times }) {
  return times === undefined ? "" : `; ${times} times as frequent as among all images`
}

/**
 * Return the width of a bar as CSS.
 *
 * @param {number} count
 * @param {number} most that a bar counts
 */
export function barWidth(count, most) {
  return count > 0 ? `max(2px, ${100 * Math.min(1, count / most)}%)` : "0"
}

/**
 * Build a line for a value. It shows how many images have the value, and a press filters by it.
 *
 * @param {PanelModel} model
 * @param {string} column
 */
export function valueLine(model, column) {
  const name = h("span", { class: "name" })
  const count = h("span", { class: "count" })
  const [wholeBar, nowBar] = [h("i"), h("i")]
  /** @type {string | null} */
  let value = null
  const el = h(
    "button",
    { type: "button", class: "value", onclick: () => model.send_msg({ kind: "toggle", column, value }) },
    h("span", { class: "words-of" }, name, count),
    h("span", { class: "fill" }, wholeBar, nowBar),
  )
  /**
   * @param {ValueLine} line
   * @param {number} most that a bar of this column counts
   * @param {boolean} isFiltered whether a filter on the column is in use
   */
  const update = (line, most, isFiltered) => {
    value = line.value
    const [now, whole] = [formatNumber(line.now), formatNumber(line.whole)]
    name.textContent = nameOf(line)
    count.replaceChildren(
      now,
      ...(line.now === line.whole ? [] : [h("span", { class: "of" }, ` / ${whole}`)]),
    )
    wholeBar.style.width = barWidth(line.whole, most)
    nowBar.style.width = barWidth(line.now, most)
    el.style.setProperty("--colour", line.colour || "var(--c-accent)")
    el.title = `${nameOf(line)}: ${now} of ${whole}${excessOf(line)}`
    el.setAttribute("aria-pressed", String(isFiltered && line.on))
    el.classList.toggle("none", !value?.trim())
    el.classList.toggle("off", isFiltered && !line.on)
    el.classList.toggle("on", isFiltered && line.on)
    el.classList.toggle("zero", line.now === 0)
  }
  return { el, update }
}

/**
 * Build the line of the images without a value. It is hidden if there are none.
 *
 * @param {PanelModel} model
 * @param {string} column
 */
export function missingLine(model, column) {
  const line = valueLine(model, column)
  /**
   * @param {Facet} facet
   * @param {number} most that a bar of this column counts
   */
  const update = ({ missing, on }, most = 1) => {
    line.el.hidden = !missing.whole
    if (missing.whole) {
      line.update(missing, Math.max(most, missing.whole), on)
    }
  }
  return { el: line.el, update }
}
