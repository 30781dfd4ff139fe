// The panel of the selection: actions on its images, and their grid. While nothing is chosen, it explains how
// to choose.

import { draw, h, ICONS, icon } from "../dom.js"
import { countImages, formatNumber } from "../text.js"
import { clusterTitle } from "./cluster_title.js"
import { compareFew, MOST } from "./compare_few.js"
import { excludedLine, exportLine } from "./export_menu.js"
import { isScale } from "./gallery_tools.js"
import { selectionGallery } from "./selection_gallery.js"
import { tagChips, tagForm } from "./tag_fields.js"

/** @import { Child, Component, ImageItem, Model } from "../types" */

/**
 * @typedef {object} Properties
 * @property {number} count how many images are chosen
 * @property {number} total how many there are
 * @property {number} start the place of the first of `items` in the selection
 * @property {ImageItem[]} items one page of the selection
 * @property {number} turn changes with each page
 * @property {Record<string, string>} colours of tags
 * @property {[string, number][]} given the tags of the selection, and how many of its images have each
 * @property {[string, number][]} known all tags, and how many images have each
 * @property {boolean} ranked whether the images nearest to a query come first
 * @property {string} sort the column that sorts the images, "" for none
 * @property {boolean} ascending whether its smallest values come first
 * @property {[string, string, string][]} sortable the name, title and kind of each column that can sort them
 * @property {number} found how many results there are
 * @property {number} among how many of them are chosen
 * @property {number} kept how many images pass the filters, -1 without a filter
 * @property {number} excluded how many of them exports leave out
 * @property {string} trouble why a tag could not be kept, ""
 * @property {{ token?: string, kind?: string }} offered an export to fetch
 * @property {string} selected the id of the open image
 * @property {{ id?: number, name?: string, found?: string }} cluster the one that is chosen, {} if none is
 * @property {string} refused why it could not be named, ""
 * @property {number} tried changes with each try to name it
 */

/** @typedef {Model<Properties>} SelectionModel */

const TAG = "M4 4h7l9 9-7 7-9-9zM8 8h.01"

/** @param {Component<Properties>} component */
export function render({ model }) {
  /**
   * @param {(keyof Properties)[]} names
   * @param {() => Child} build
   */
  const part = (names, build) => draw(model, names, () => [build()], "part")
  const acts = h(
    "div",
    { class: "block acts" },
    exportLine(model),
    part(["excluded"], () =>
      excludedLine(model.excluded, () => model.send_msg({ kind: "untag", tag: "excluded" })),
    ),
    part(["count", "found", "among"], () => changeByResults(model)),
    selectionTagForm(model),
    part(["given", "count", "colours"], () => tagChips(model, model.count, "the chosen images")),
    part(["trouble"], () => model.trouble && h("div", { class: "error", role: "alert" }, model.trouble)),
  )
  const gallery = selectionGallery(model)
  const few = compareFew(() => model.items)
  const showActs = () => acts.classList.toggle("gone", model.count === 0)
  model.on("count", showActs)
  showActs()
  return h(
    "div",
    { class: "root" },
    h(
      "div",
      { class: "contents" },
      clusterTitle(model),
      part(["count", "total", "ranked"], () => (model.count > 0 ? heading(model, few.open) : howToChoose())),
      acts,
      part(["count", "found", "kept", "total"], () => model.count === 0 && chooseWhole(model)),
      part(["count", "sort", "ascending", "sortable"], () => model.count > 1 && sortLine(model)),
      part(["count", "known"], () => model.count === 0 && model.known.length > 0 && chooseTagged(model)),
      gallery,
    ),
    few.el,
  )
}

/**
 * @param {SelectionModel} model
 * @param {() => void} compare
 */
function heading(model, compare) {
  return h(
    "div",
    { class: "row heading" },
    h(
      "div",
      { class: "grow" },
      h("h2", {}, `${countImages(model.count)} chosen`),
      h(
        "div",
        { class: "muted" },
        model.ranked ? "nearest to the query first" : `of ${formatNumber(model.total)}`,
      ),
    ),
    model.count > 1 &&
      model.count <= MOST &&
      h("button", { class: "action", type: "button", onclick: compare }, "Compare"),
    h(
      "button",
      { class: "action", type: "button", onclick: () => model.send_msg({ kind: "zoom" }) },
      icon(ICONS.target),
      "Zoom",
    ),
    h(
      "button",
      { class: "action quiet", type: "button", onclick: () => model.send_msg({ kind: "clear" }) },
      "Clear",
    ),
  )
}

/**
 * Build the choice of the column that sorts the images, and of the direction.
 *
 * @param {SelectionModel} model
 */
function sortLine(model) {
  const { sort, ascending, sortable } = model
  const choices = [["", "no column"], ...sortable].map(([name = "", title = ""]) =>
    h("option", { value: name, selected: name === sort }, title),
  )
  const select = h(
    "select",
    {
      class: "field sort",
      "aria-label": "Sort by",
      onchange: () =>
        model.send_msg({
          kind: "sort",
          column: select.value,
          ascending: !isScale(sortable.find(([name]) => name === select.value)?.[2]),
        }),
    },
    choices,
  )
  const direction = h(
    "button",
    {
      class: "action quiet",
      type: "button",
      title: "Turn the order around",
      onclick: () => model.send_msg({ kind: "sort", column: sort, ascending: !ascending }),
    },
    ascending ? "lowest first" : "highest first",
  )
  return (
    sortable.length > 0 &&
    h(
      "div",
      { class: "row sorting" },
      h("span", { class: "muted" }, "Sort by"),
      select,
      sort !== "" && direction,
    )
  )
}

function howToChoose() {
  /** @param {string} name */
  const key = (name) => h("kbd", {}, name)
  /** @param {Child[]} words that only people with a keyboard see */
  const typed = (...words) => h("span", { class: "typed" }, words)
  return h(
    "div",
    { class: "heading" },
    h("h2", {}, "Nothing is chosen yet"),
    h(
      "div",
      { class: "muted" },
      "Draw on the map with the lasso",
      typed(" (", key("L"), ")"),
      " or the box",
      typed(" (", key("B"), ")"),
      " in its corner. With one in hand, choose whether to add or to take away.",
      typed(
        " Or hold ",
        key("Shift"),
        " to add, ",
        key("Alt"),
        " to take away; a click then is about one image.",
      ),
    ),
  )
}

/** @param {SelectionModel} model */
function chooseWhole(model) {
  /**
   * @param {"results" | "kept" | "all"} of
   * @param {string} words
   */
  const chip = (of, words) =>
    h(
      "button",
      { class: "chip", type: "button", onclick: () => model.send_msg({ kind: "whole", of }) },
      h("span", {}, words),
    )
  return h(
    "div",
    { class: "block" },
    h("h3", {}, "Or choose"),
    h(
      "div",
      { class: "chips" },
      model.found > 0 && chip("results", `The ${formatNumber(model.found)} results`),
      model.kept >= 0
        ? chip("kept", `The ${formatNumber(model.kept)} that pass the filters`)
        : chip("all", `All ${formatNumber(model.total)}`),
    ),
  )
}

/** @param {SelectionModel} model */
function chooseTagged(model) {
  const chips = model.known.map(([tag, count]) =>
    h(
      "button",
      { class: "chip", type: "button", title: tag, onclick: () => model.send_msg({ kind: "tagged", tag }) },
      h("span", {}, tag),
      h("span", { class: "muted" }, formatNumber(count)),
    ),
  )
  return h("div", { class: "block" }, h("h3", {}, "Tags"), h("div", { class: "chips" }, chips))
}

/**
 * Build the buttons that add the results to the selection or subtract them, if that changes it.
 *
 * @param {SelectionModel} model
 */
function changeByResults(model) {
  const { count, found, among } = model
  const results = `${formatNumber(found)} results`
  /**
   * @param {"add" | "subtract"} mode
   * @param {string} words
   */
  const button = (mode, words) =>
    h(
      "button",
      {
        class: "action quiet",
        type: "button",
        onclick: () => model.send_msg({ kind: "whole", of: "results", mode }),
      },
      icon(mode === "add" ? ICONS.plus : ICONS.minus),
      words,
    )
  return (
    count > 0 &&
    found > 0 &&
    h(
      "div",
      { class: "row wrap" },
      among === found && h("span", { class: "muted message" }, `All ${results} are chosen.`),
      among < found && button("add", `Add the ${results}`),
      among > 0 && button("subtract", `Take away the ${results}`),
    )
  )
}

/** @param {SelectionModel} model */
function selectionTagForm(model) {
  const button = h("button", { class: "action", type: "submit" }, icon(TAG), "Tag")
  const options = {
    id: "known-tags",
    placeholder: "Tag these images…",
    label: "Tag the chosen images",
    known: /** @type {const} */ ("known"),
    tags: () => model.known.map(([tag]) => tag),
  }
  const form = tagForm(model, options, button)
  form.className = "row tagging"
  return form
}
