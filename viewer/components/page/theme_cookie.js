// Stores the choice of dark or light in a cookie, for a year and for this server only, and tells the server
// which of them the system has, now and whenever that changes. Shows nothing.

import { h, onChange } from "../dom.js"
import { batched } from "../timing.js"

/** @import { Component } from "../types" */

/**
 * @typedef {object} Properties
 * @property {boolean} dark
 * @property {boolean} chosen whether a person chose it
 * @property {string} system the theme of the system, as the server knows it
 */

const YEAR = 31_536_000

/**
 * Return the cookie that keeps a theme; without a theme, the one that removes it.
 *
 * @param {string} name
 * @param {string} theme
 */
export function themeCookie(name, theme) {
  return `${name}=${theme}; path=/; max-age=${theme ? YEAR : 0}; SameSite=Strict`
}

/** @param {Component<Properties>} component */
export function render({ model }) {
  const system = window.matchMedia("(prefers-color-scheme: dark)")
  const keepChoice = () => {
    const theme = model.dark ? "dark" : "light"
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API needs an encrypted page
    document.cookie = themeCookie("clipper-theme", model.chosen ? theme : "")
  }
  const tell = () => {
    const theme = system.matches ? "dark" : "light"
    // biome-ignore lint/suspicious/noDocumentCookie: as above
    document.cookie = themeCookie("clipper-system", theme)
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
