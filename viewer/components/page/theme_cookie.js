// Stores the choice of dark or light in a cookie, for a year and for this server only. Shows nothing.

import { h } from "../dom.js"

/** @import { Component } from "../types" */

/**
 * @typedef {object} Properties
 * @property {boolean} dark
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  model.on("dark", () => {
    const theme = model.dark ? "dark" : "light"
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API needs an encrypted page
    document.cookie = `clipper-theme=${theme}; path=/; max-age=31536000; SameSite=Strict`
  })
  return h("div", { hidden: true })
}
