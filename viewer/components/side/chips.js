// Chips of the filters in use. A press on a chip removes its filter.

import { draw, h, ICONS, icon } from "../dom.js"
import { formatNumber } from "../text.js"

/** @import { Component } from "../types" */

/** @typedef {{ column: string, title: string, words: string }} Filter */

/**
 * @typedef {object} Properties
 * @property {Filter[]} items the filters in use
 * @property {number} passing how many images pass them
 * @property {number} total
 * @property {number} selected how many images are selected
 * @property {number} both how many of these pass
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  /** @param {Filter} filter */
  const chip = ({ column, title, words }) =>
    h(
      "button",
      {
        class: "chip filter",
        type: "button",
        title: `${title}: ${words}`,
        "aria-label": `Remove the filter ${title}: ${words}`,
        onclick: () => model.send_msg({ kind: "drop", column }),
      },
      h("span", {}, h("b", {}, title), ` ${words}`),
      icon(ICONS.close),
    )
  const passing = () =>
    h(
      "div",
      { class: "grow passing", role: "status" },
      h("b", {}, formatNumber(model.passing)),
      h("span", { class: "whole" }, ` of ${formatNumber(model.total)} images`),
      " pass",
      model.selected > 0 && h("span", { class: "whole" }, ` · ${formatNumber(model.both)} of them selected`),
    )
  const clear = () =>
    h(
      "button",
      {
        class: "action quiet clear",
        type: "button",
        title: "Remove all filters",
        onclick: () => model.send_msg({ kind: "clear" }),
      },
      "Clear filters",
    )
  return draw(model, ["items", "passing", "total", "selected", "both"], () => [
    model.items.length > 0 &&
      h(
        "div",
        { class: "bar" },
        h("div", { class: "row line" }, passing(), clear()),
        h("div", { class: "chips" }, model.items.map(chip)),
      ),
  ])
}
