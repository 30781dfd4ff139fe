// Tabs: the arrow keys go from one to the next, as in any tab list. A menu beside them moves or closes the
// panel in view. Keys move the splitter after the group.

import { arrange, h, icon, onChange } from "../dom.js"
import { dropMenu, menuEntry } from "../menu.js"
import { formatNumber } from "../text.js"
import { batched } from "../timing.js"
import { equipSplitter } from "./splitter.js"

/** @import { Component, Message } from "../types" */

/** Larger counts are written with letters. */
const SHORT = 10_000
const MORE =
  "M5.500 12a.5.5 0 10-1 0 .5.5 0 001 0zM12.500 12a.5.5 0 10-1 0 .5.5 0 001 0zM19.500 12a.5.5 0 10-1 0 .5.5 0 001 0z"
const SHORTLY = new Intl.NumberFormat("en-US", { notation: "compact", roundingMode: "floor" })

/** @typedef {{ key: string, title: string, count: number }} Tab */

/**
 * Return the tab that an arrow key leads to, from the last one to the first; null for any other key.
 *
 * @param {string} key of the keyboard
 * @param {readonly Tab[]} tabs
 * @param {string} from the key of a tab
 * @returns {string | null}
 */
export function tabAfterKey(key, tabs, from) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key]
  if (!step) {
    return null
  }
  const at = tabs.findIndex((tab) => tab.key === from)
  return tabs.at((at + step) % tabs.length)?.key ?? null
}

/**
 * Write a count for a tab, which has no room for long numbers: "9,999", "41K", "1.2M".
 *
 * @param {number} count
 */
export function formatCount(count) {
  return count < SHORT ? formatNumber(count) : SHORTLY.format(count)
}

/**
 * @typedef {object} Properties
 * @property {Tab[]} tabs
 * @property {string} active the key of the tab in view
 * @property {string[]} moves where the panel in view can be moved to
 * @property {boolean} movable whether it can be moved or closed
 * @property {number} following how many groups follow; 0: no splitter is after the group
 * @property {string} splitter the panels on both sides of the splitter
 * @property {number} share what the group takes of its room and theirs, in percent
 */

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  const list = h("div", { class: "tablist", role: "tablist", "aria-label": "Panels" })
  const entries = h("div", { class: "right" })
  const menu = dropMenu({ class: "square", title: "Move or close this panel" }, [icon(MORE)], entries)
  const root = h("div", { class: "root" }, list, menu.el)
  /** @type {Map<string, HTMLButtonElement>} */
  const buttons = new Map()
  /** @param {string} key */
  const choose = (key) => model.send_msg({ kind: "choose", tab: key })
  /** @param {string} key */
  const addButton = (key) => {
    const button = h("button", { type: "button", class: "tab", role: "tab", onclick: () => choose(key) })
    button.addEventListener("keydown", (event) => {
      const next = tabAfterKey(event.key, model.tabs, key)
      if (next !== null) {
        event.preventDefault()
        buttons.get(next)?.focus()
        choose(next)
      }
    })
    buttons.set(key, button)
    return button
  }
  /** @param {Tab} tab */
  const updateTab = ({ key, title, count }) => {
    const button = buttons.get(key) ?? addButton(key)
    const isActive = key === model.active
    const badge = h("span", { class: `badge ${key}` }, formatCount(count))
    button.replaceChildren(h("span", {}, title), ...(count > 0 ? [badge] : []))
    button.setAttribute("aria-selected", String(isActive))
    button.tabIndex = isActive ? 0 : -1
    return button
  }
  /**
   * @param {string} label
   * @param {Message} message
   */
  const entry = (label, message) =>
    menuEntry(label, () => {
      menu.close()
      model.send_msg(message)
    })
  const updateMenu = () => {
    const title = model.tabs.find(({ key }) => key === model.active)?.title ?? ""
    menu.el.hidden = !model.movable
    menu.button.setAttribute("aria-label", `Move or close ${title}`)
    entries.replaceChildren(
      ...model.moves.map((label, i) => entry(label, { kind: "move", entry: i })),
      entry(`Close ${title}`, { kind: "close" }),
    )
  }
  const update = () => {
    arrange(list, model.tabs.map(updateTab))
    updateMenu()
  }
  onChange(model, ["tabs", "active", "moves", "movable"], batched(update))
  const updateSplitter = () => equipSplitter(view.el, model, (message) => model.send_msg(message))
  onChange(model, ["following", "splitter", "share"], batched(updateSplitter))
  model.on("after_layout", updateSplitter)
  update()
  return root
}
