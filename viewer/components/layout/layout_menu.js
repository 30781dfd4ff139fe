// The menu of arrangements and panels. It also gives the splitters between the map and the panels their keys,
// reports whether the page is narrow, and keeps the arrangement in a cookie for a year, for this server only.

import { keepCookie } from "../cookies.js"
import { h, icon, onChange } from "../dom.js"
import { checkedEntry, dropMenu, menuEntry, menuPart } from "../menu.js"
import { batched } from "../timing.js"
import { growMessage } from "./grow.js"
import { equipMainSplitter, stripMainSplitter } from "./splitter.js"

/** @import { Component } from "../types" */
/** @import { Dock, DockInView } from "./splitter.js" */

/** @typedef {{ key: string, title: string, note?: string, on: boolean }} Choice */

/**
 * @typedef {object} Properties
 * @property {Choice[]} presets
 * @property {Choice[]} panels
 * @property {DockInView[]} docks that can be larger or smaller
 * @property {string} saved the arrangement as the cookie has it
 */

/** @type {[string, string, Dock, 1 | -1][]} */
const SIZES = [
  ["Wider panels", "]", "beside", 1],
  ["Narrower panels", "[", "beside", -1],
  ["Higher panels below", "}", "below", 1],
  ["Lower panels below", "{", "below", -1],
]

/** @type {Dock[]} */
const DOCKS = ["beside", "below"]

const LAYOUT = "M4 5h16v14H4zM14.500 5v14M14.500 13H20"

/** A page without room for more than one group of panels; `split.css` has the same limits. */
const NARROW = "(max-width: 760px), (max-height: 480px)"

/** @param {Component<Properties>} component */
export function render({ model }) {
  const list = h("div", { class: "right" })
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
  // The menu stays open, as one step is seldom enough.
  const sizes = SIZES.map(([label, key, dock, by]) => {
    const el = menuEntry([label, h("kbd", { "aria-hidden": "true" }, key)], () =>
      model.send_msg(growMessage(dock, by)),
    )
    return { el, dock }
  })
  const sizePart = menuPart("Size", ...sizes.map(({ el }) => el))
  const updateSizes = () => {
    for (const { el, dock } of sizes) {
      el.hidden = !model.docks.some((inView) => inView.dock === dock)
    }
    sizePart.hidden = model.docks.length === 0
  }
  const updateSplitters = () => {
    for (const dock of DOCKS) {
      const inView = model.docks.find((each) => each.dock === dock)
      if (inView) {
        equipMainSplitter(inView, (message) => model.send_msg(message))
      } else {
        stripMainSplitter(dock)
      }
    }
  }
  const update = () => {
    list.replaceChildren(
      menuPart("Arrangement", ...model.presets.map((choice) => entry("preset", choice))),
      menuPart("Panels", ...model.panels.map((choice) => entry("panel", choice))),
      sizePart,
    )
  }
  const query = matchMedia(NARROW)
  const report = () => model.send_msg({ kind: "narrow", on: query.matches })
  query.addEventListener("change", report)
  model.on("remove", () => query.removeEventListener("change", report))
  model.on("saved", () => {
    keepCookie("clipper-layout", model.saved)
  })
  onChange(model, ["presets", "panels"], batched(update))
  onChange(
    model,
    ["docks"],
    batched(() => {
      updateSizes()
      updateSplitters()
    }),
  )
  model.on("after_layout", updateSplitters)
  update()
  updateSizes()
  if (query.matches) {
    report()
  }
  return h("div", { class: "root" }, menu.el)
}
