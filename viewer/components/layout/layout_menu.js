// The menu of arrangements and panels. It also reports whether the page is narrow, and keeps the arrangement
// in a cookie for a year, for this server only.

import { h, icon, onChange } from "../dom.js"
import { checkedEntry, dropMenu } from "../menu.js"
import { batched } from "../timing.js"

/** @import { Component } from "../types" */

/** @typedef {{ key: string, title: string, note?: string, on: boolean }} Choice */

/**
 * @typedef {object} Properties
 * @property {Choice[]} presets
 * @property {Choice[]} panels
 * @property {string} saved the arrangement as the cookie has it
 */

const LAYOUT = "M4 5h16v14H4zM14.500 5v14M14.500 13H20"

/** A page without room for more than one group of panels; `split.css` has the same limits. */
const NARROW = "(max-width: 760px), (max-height: 480px)"

/** @param {Component<Properties>} component */
export function render({ model }) {
  const list = h("div", { class: "end" })
  const label = "Arrange the panels"
  const menu = dropMenu({ class: "square ask", title: label, "aria-label": label }, [icon(LAYOUT)], list)
  /**
   * @param {"preset" | "panel"} kind
   * @param {Choice} choice
   */
  const entry = (kind, { key, title, note, on }) => {
    const role = kind === "preset" ? "menuitemradio" : "menuitemcheckbox"
    return checkedEntry(role, title, on, () => choose(kind, key), note)
  }
  /**
   * @param {"preset" | "panel"} kind
   * @param {string} key
   */
  const choose = (kind, key) => {
    menu.close()
    model.send_msg({ kind, key })
  }
  const update = () =>
    list.replaceChildren(
      h("h3", {}, "Arrangement"),
      ...model.presets.map((choice) => entry("preset", choice)),
      h("h3", {}, "Panels"),
      ...model.panels.map((choice) => entry("panel", choice)),
    )
  const query = matchMedia(NARROW)
  const report = () => model.send_msg({ kind: "narrow", on: query.matches })
  query.addEventListener("change", report)
  model.on("remove", () => query.removeEventListener("change", report))
  model.on("saved", () => {
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API needs an encrypted page
    document.cookie = `clipper-layout=${model.saved}; path=/; max-age=31536000; SameSite=Strict`
  })
  onChange(model, ["presets", "panels"], batched(update))
  update()
  if (query.matches) {
    report()
  }
  return h("div", { class: "root" }, menu.el)
}
