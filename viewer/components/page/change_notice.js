// A notice of changes, over the map's lower corner. Only its text is a live region, so a screen reader skips
// the buttons.

import { draw, h, ICONS, icon } from "../dom.js"

/** @import { Component } from "../types" */

/**
 * @typedef {object} Properties
 * @property {string} headline "" where there is no news
 * @property {string} note
 * @property {string} action the words on the button that shows what is new, "" where nothing is
 */

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  const words = draw(
    model,
    ["headline", "note"],
    () =>
      model.headline
        ? [
            h("div", { class: "headline" }, model.headline),
            model.note && h("div", { class: "muted" }, model.note),
          ]
        : [],
    "words",
  )
  words.setAttribute("role", "status")
  words.setAttribute("aria-live", "polite")
  const close = h(
    "button",
    {
      class: "square",
      type: "button",
      title: "Dismiss",
      "aria-label": "Dismiss",
      onclick: () => model.send_msg({ kind: "dismiss" }),
    },
    icon(ICONS.close),
  )
  const show = () =>
    h(
      "button",
      { class: "action", type: "button", onclick: () => model.send_msg({ kind: "show" }) },
      icon(ICONS.target),
      model.action,
    )
  const buttons = draw(
    model,
    ["headline", "action"],
    () => (model.headline ? [model.action && show(), close] : []),
    "buttons",
  )
  const update = () => view.el.classList.toggle("shown", Boolean(model.headline))
  model.on("headline", update)
  update()
  return h("div", { class: "root box" }, words, buttons)
}
