// Stores the choice of dark or light in a cookie, for a year and for this server only, and tells the server
// which of them the system has, now and whenever that changes. Shows nothing.

import { keepCookie } from "../cookies.js"
import { h, onChange } from "../dom.js"
import { batched } from "../timing.js"

/** @import { Component } from "../types" */

/**
 * @typedef {object} Properties
 * @property {boolean} dark
 * @property {boolean} chosen whether a person chose it
 * @property {string} system the theme of the system, as the server knows it
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  const system = window.matchMedia("(prefers-color-scheme: dark)")
  const keepChoice = () => {
    const theme = model.dark ? "dark" : "light"
    keepCookie("clipper-theme", model.chosen ? theme : "")
  }
  const tell = () => {
    const theme = system.matches ? "dark" : "light"
    keepCookie("clipper-system", theme)
    if (model.system !== theme) {
      model.send_msg({ kind: "system", theme })
    }
  }
  onChange(model, ["dark", "chosen"], batched(keepChoice))
  system.addEventListener("change", tell)
  model.on("remove", () => system.removeEventListener("change", tell))
  tell()
  return h("div", { hidden: true })
}
