// Folds the legend's card into a chip. This component is the card's first child; its host has the class
// "folded" while the card is folded, and the card's style sheet does the rest. In a narrow pane, where the
// map's style sheet sets --narrow, the card starts folded unless a person has chosen otherwise.

import { h, ICONS, icon, onChange } from "../dom.js"
import { mapPaneBelow } from "../find.js"
import { recall, remember } from "../storage.js"

/** @import { Component, MapPane } from "../types" */

/** The key of a person's choice in the browser's storage. */
const KEY = "clipper-legend"

/** @typedef {"folded" | "open"} Choice */

/** @returns {Choice | null} */
function readChoice() {
  const stored = recall(KEY)
  return stored === "folded" || stored === "open" ? stored : null
}

/**
 * Return whether the card is folded: as a person chose, otherwise by the pane's width.
 *
 * @param {Choice | null} choice
 * @param {boolean} isNarrow
 */
export function isFolded(choice, isNarrow) {
  return choice === null ? isNarrow : choice === "folded"
}

/**
 * Return a CSS gradient of colours: smooth, or with an equal piece for each colour.
 *
 * @param {readonly string[]} colours
 * @param {boolean} smooth
 */
export function gradient(colours, smooth) {
  const share = 100 / colours.length
  const pieces = colours.map((colour, i) => `${colour} ${i * share}% ${(i + 1) * share}%`)
  return `linear-gradient(90deg, ${(smooth ? colours : pieces).join(", ")})`
}

/**
 * @typedef {object} Properties
 * @property {string} label what the colours mean
 * @property {string[]} colours
 * @property {boolean} smooth whether the colours are those of a scale
 * @property {string} model_name whose map it is, if there is another beside it; else ""
 */

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  let choice = readChoice()
  let folded = false
  const button = h("button", {
    type: "button",
    class: "toggle",
    onclick: () => {
      choice = folded ? "open" : "folded"
      remember(KEY, choice)
      fold()
    },
  })
  /** @type {MapPane | null} */
  let pane = null
  const fold = () => {
    if (!pane) {
      pane = mapPaneBelow(view.el) // another map beside it makes it narrow, and no other element
      if (pane) {
        observer.observe(pane)
      }
    }
    folded = isFolded(choice, getComputedStyle(view.el).getPropertyValue("--narrow").trim() === "1")
    view.el.classList.toggle("folded", folded)
    button.setAttribute("aria-expanded", String(!folded))
    button.title = folded ? "Show the legend" : "Hide the legend"
  }
  const update = () => {
    const { colours, smooth, model_name } = model
    const strip = () => h("span", { class: "strip", style: `background:${gradient(colours, smooth)}` })
    const whose = model_name ? `Map by ${model_name}, ` : ""
    button.setAttribute("aria-label", `${whose}Legend: ${model.label}`)
    button.replaceChildren(
      ...(model_name ? [h("span", { class: "model" }, "Map by ", h("strong", {}, model_name))] : []),
      ...(colours.length > 0 ? [strip()] : []),
      h("span", { class: "column" }, model.label),
      icon(ICONS.down),
    )
  }
  onChange(model, ["label", "colours", "smooth", "model_name"], update)
  update()
  const observer = new ResizeObserver(fold)
  observer.observe(view.el) // this calls once as soon as the card is on the page
  observer.observe(document.documentElement)
  model.on("remove", () => observer.disconnect())
  return h("div", { class: "root" }, button)
}
