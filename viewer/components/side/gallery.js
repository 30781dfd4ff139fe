// The panel of results. Before the first search it shows suggestions; then the query, its ranked results and
// all searches so far.

import { draw, h, ICONS, icon } from "../dom.js"
import { countImages, formatNumber } from "../text.js"
import { queryTerms } from "./query_terms.js"
import { resultGrid } from "./result_grid.js"
import { threshold } from "./threshold.js"

/** @import { Child, Component, Model, QueryTerm, QueryText, ResultItem } from "../types" */
/** @import { Spread } from "./threshold.js" */

/**
 * @typedef {object} Properties
 * @property {ResultItem[]} items the cards to begin with
 * @property {{ start: number, items: ResultItem[] } | { start?: undefined }} page more cards, and where they
 *     begin
 * @property {QueryText[]} history the searches on the map
 * @property {QueryText[]} suggestions
 * @property {QueryTerm[]} parts the terms of the query, where they can be weighed
 * @property {string} query as a person reads it, "" for none
 * @property {string} text the query as it is written
 * @property {string} message what is wrong with the query, ""
 * @property {boolean} searching
 * @property {number} milliseconds that the search took
 * @property {number} total how many images there are to search
 * @property {number} size how many images there are
 * @property {number} listed how many of them are results
 * @property {Spread} spread of all similarities
 * @property {number | null} min_similarity the least similarity of a result
 * @property {number | null} max_similarity the largest one
 * @property {number | null} baseline the similarity that random words reach
 * @property {string} faint why the results are not worth much, ""
 * @property {boolean} fold whether nearly identical results are folded
 * @property {boolean} only_selection whether only the selection is searched
 * @property {boolean} selectable whether there is a selection
 * @property {string} selected the id of the open image
 * @property {string} near the id of the image under the pointer on the map
 * @property {Order} order
 * @property {Record<string, number>} groups how many images each group has
 * @property {Record<string, [string, string, string][]>} marks the labels of images, see `label_marks.js`
 * @property {boolean} labelling whether digits label images
 * @property {string[]} chosen the ids of the cards whose images are selected
 */

/**
 * How the images are sorted and grouped; `sortable` has the name, title and kind of each column that can sort.
 *
 * @typedef {object} Order
 * @property {string} [sort] the column, "" for none
 * @property {boolean} [ascending]
 * @property {string} [clock] on whose clock the times of files are that sort, ""
 * @property {string} [group] the column, "" for none
 * @property {[string, string, string][]} [sortable]
 * @property {[string, string][]} [groupable]
 */

/** @typedef {Model<Properties>} GalleryModel */

const NBSP = "\u00a0"

/**
 * Format the limits of the listed similarities; "" without limits.
 *
 * @param {number | null} least
 * @param {number | null} most
 */
export function formatLimits(least, most) {
  if (least !== null && most !== null) {
    return ` ${least.toFixed(3)}${NBSP}–${NBSP}${most.toFixed(3)}`
  }
  if (least !== null) {
    return ` ≥${NBSP}${least.toFixed(3)}`
  }
  return most === null ? "" : ` ≤${NBSP}${most.toFixed(3)}`
}

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  /**
   * @param {(keyof Properties)[]} names
   * @param {() => Child} build
   * @param {string} className
   */
  const part = (names, build, className = "part") => draw(model, names, () => [build()], className)
  let isRefining = false // a phone shows the histogram and the switches only on request
  const refine = () => {
    isRefining = !isRefining
    root.classList.toggle("refining", isRefining)
    return isRefining
  }
  const root = h(
    "div",
    { class: "root" },
    part(["searching", "message"], () => progress(model), "news"),
    h(
      "div",
      { class: "contents" },
      h(
        "div",
        { "aria-live": "polite" },
        part(["query", "listed", "order", "min_similarity", "max_similarity", "total", "milliseconds"], () =>
          model.query ? heading(model, isRefining, refine) : invitation(),
        ),
      ),
      part(["parts"], () => queryTerms(model)),
      part(
        ["query", "faint"],
        () => model.query && model.faint && h("div", { class: "faint", role: "status" }, model.faint),
      ),
      h(
        "div",
        { class: "block refine" },
        threshold(model),
        part(["query", "fold", "only_selection", "selectable"], () => switches(model)),
      ),
      part(["query", "suggestions"], () => suggestions(model)),
      part(["history", "text"], () => searches(model)),
      h(
        "div",
        { class: "block" },
        part(
          ["query", "total", "size"],
          () => !model.query && h("h3", { "aria-level": "2" }, listTitle(model)),
        ),
        resultGrid(model, view.el),
      ),
    ),
  )
  model.on("query", () => {
    if (view.el.scrollTop > 0) {
      view.el.scrollTop = 0
    }
  })
  return root
}

/** @param {GalleryModel} model */
function progress(model) {
  if (model.searching) {
    return h(
      "div",
      { class: "searching", role: "status" },
      h("div", { class: "bar" }),
      h("span", { class: "muted late" }, "The first search loads the model, a moment…"),
    )
  }
  return model.message && h("div", { class: "error", role: "alert" }, model.message)
}

/**
 * @param {GalleryModel} model
 * @param {boolean} isRefining
 * @param {() => boolean} refine shows or hides the histogram and the switches; returns whether they are shown
 *     now
 */
function heading(model, isRefining, refine) {
  const { listed, total, milliseconds, order } = model
  const figures =
    listed === total
      ? `${countImages(total)}${order.sort || order.group ? "" : ", best first"} · ${milliseconds}${NBSP}ms`
      : `${formatNumber(listed)} of ${formatNumber(total)} images${formatLimits(model.min_similarity, model.max_similarity)}`
  const refineButton = h(
    "button",
    {
      class: "action narrow",
      type: "button",
      "aria-expanded": String(isRefining),
      onclick: ({ currentTarget }) => currentTarget.setAttribute("aria-expanded", String(refine())),
    },
    "Refine",
  )
  const zoomButton = h(
    "button",
    {
      class: "action",
      type: "button",
      title: "Zoom to results",
      onclick: () => model.send_msg({ kind: "zoom" }),
    },
    icon(ICONS.target),
    h("span", {}, "Zoom", h("span", { class: "rest" }, " to results")),
  )
  return h(
    "div",
    { class: "row heading" },
    h(
      "div",
      { class: "grow" },
      h("h2", { title: model.query }, model.query),
      h("div", { class: "muted" }, figures),
    ),
    refineButton,
    listed > 0 && zoomButton,
  )
}

function invitation() {
  const how = "Type a few words above, or drop an image. The closest images light up on the map."
  return h(
    "div",
    { class: "heading" },
    h("h2", {}, "Search by describing an image"),
    h("div", { class: "muted" }, how),
  )
}

/** @param {GalleryModel} model */
function switches(model) {
  const { query, fold, only_selection, selectable } = model
  return (
    query &&
    h(
      "div",
      { class: "row switches" },
      switchOf(model, "fold", fold, "Fold near-identical"),
      selectable && switchOf(model, "only_selection", only_selection, "Only in the selection"),
    )
  )
}

/**
 * @param {GalleryModel} model
 * @param {string} kind of its message
 * @param {boolean} isOn
 * @param {string} label
 */
function switchOf(model, kind, isOn, label) {
  return h(
    "button",
    {
      type: "button",
      class: `switch${isOn ? " on" : ""}`,
      role: "switch",
      "aria-checked": String(isOn),
      onclick: () => model.send_msg({ kind, on: !isOn }),
    },
    h("span", { class: "knob" }),
    label,
  )
}

/** @param {GalleryModel} model */
function suggestions(model) {
  const chips = model.suggestions.map(({ text, label }) =>
    h(
      "button",
      { class: "chip", type: "button", title: label, onclick: () => model.send_msg({ kind: "ask", text }) },
      h("span", {}, label),
    ),
  )
  return (
    !model.query &&
    chips.length > 0 &&
    h("div", { class: "block" }, h("h3", {}, "Try"), h("div", { class: "chips suggestions" }, chips))
  )
}

/**
 * Build the searches on the map: each can be repeated and removed.
 *
 * @param {GalleryModel} model
 */
function searches(model) {
  const clear = () =>
    h(
      "button",
      {
        class: "action quiet",
        type: "button",
        title: "Remove all searches from the map",
        onclick: () => model.send_msg({ kind: "clear" }),
      },
      "Clear searches",
    )
  const chips = model.history.map((search) => searchChip(model, search))
  return (
    chips.length > 0 &&
    h(
      "div",
      { class: "row past", role: "group", "aria-label": "Searches on the map" },
      h("div", { class: "chips history grow" }, chips),
      clear(),
    )
  )
}

/**
 * @param {GalleryModel} model
 * @param {QueryText} search
 */
function searchChip(model, { text, label }) {
  const isOn = text === model.text
  return h(
    "span",
    { class: `chip two${isOn ? " on" : ""}` },
    h(
      "button",
      {
        type: "button",
        title: label,
        "aria-pressed": String(isOn),
        onclick: () => model.send_msg({ kind: "ask", text }),
      },
      h("span", {}, label),
    ),
    h(
      "button",
      {
        type: "button",
        class: "off",
        "aria-label": `Remove ${label} from the map`,
        title: "Remove from the map",
        onclick: () => model.send_msg({ kind: "forget", text }),
      },
      icon(ICONS.close),
    ),
  )
}

/** @param {Pick<Properties, "total" | "size">} counts */
function listTitle({ total, size }) {
  if (size === 0) {
    return "There are no images. Add some to the images folder, and run clipper index."
  }
  return total === 0 ? "No image passes all filters" : countImages(total)
}
