// Explains what is missing and which commands to type. Reloads the page once there is an index.

import { draw, h } from "../dom.js"

/** @import { Component } from "../types" */

/** Milliseconds between two checks for an index. */
const LOOK = 3000

/**
 * @typedef {object} Properties
 * @property {string} heading
 * @property {string} reason
 * @property {string[]} commands to type
 * @property {boolean} ready whether there is an index by now
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  const timer = setInterval(() => {
    if (!document.hidden) {
      model.send_msg({ kind: "look" })
    }
  }, LOOK)
  model.on("remove", () => clearInterval(timer))
  model.on("ready", () => {
    if (model.ready) {
      window.location.reload()
    }
  })
  return draw(model, ["heading", "reason", "commands"], () => [
    h(
      "div",
      { class: "box" },
      h("h2", {}, model.heading),
      h("p", { class: "muted" }, model.reason),
      h("p", {}, "Type this in a terminal:"),
      h(
        "pre",
        { tabindex: "0", role: "group", "aria-label": "What to type" }, // a long line is scrolled by keyboard
        model.commands.map((command) => h("code", {}, command)),
      ),
      h("p", { class: "muted" }, "This page opens the map by itself as soon as the index is there."),
    ),
  ])
}
