// Two switches below the legend: images and names on the map.

import { h, onChange } from "../dom.js"

/** @import { Component } from "../types" */

/**
 * @typedef {object} Properties
 * @property {boolean} known whether there is anything to switch
 * @property {boolean} faces whether images stand for the clusters
 * @property {boolean} named whether the clusters have their names
 * @property {boolean} nameable whether names have a place
 */

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  /**
   * @param {"faces" | "names"} kind
   * @param {"faces" | "named"} property
   * @param {string} label
   * @param {string} title
   */
  const switchOf = (kind, property, label, title) => {
    const el = h(
      "button",
      {
        type: "button",
        class: "switch",
        role: "switch",
        title,
        onclick: () => model.send_msg({ kind, on: !model[property] }),
      },
      h("span", { class: "knob" }),
      label,
    )
    const update = () => {
      el.classList.toggle("on", model[property])
      el.setAttribute("aria-checked", String(model[property]))
    }
    model.on(property, update)
    update()
    return el
  }
  const names = switchOf("names", "named", "Names", "Names of the parts of the map")
  const update = () => {
    view.el.hidden = !model.known
    names.hidden = !model.nameable
  }
  onChange(model, ["known", "nameable"], update)
  update()
  return h(
    "div",
    { class: "root" },
    switchOf("faces", "faces", "Images", "Images that stand for the parts of the map"),
    names,
  )
}
