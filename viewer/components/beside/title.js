// Over the map of another model: whose map it is, and a button that closes it.

import { h, ICONS, icon, onChange } from "../dom.js"

/** @import { Component } from "../types" */

/**
 * @typedef {object} Properties
 * @property {string} model_name the model, by a short name
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  const name = h("strong", {})
  const close = h(
    "button",
    {
      type: "button",
      class: "close",
      title: "Close this map",
      "aria-label": "Close this map",
      onclick: () => model.send_msg({ kind: "close" }),
    },
    icon(ICONS.close),
  )
  const update = () => {
    name.textContent = model.model_name
    name.title = model.model_name
  }
  onChange(model, ["model_name"], update)
  update()
  return h("div", { class: "title" }, h("span", {}, "Map by"), name, close)
}
