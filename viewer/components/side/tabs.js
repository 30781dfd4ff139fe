// Tabs: the arrow keys go from one to the next, as in any tab list.

import { arrange, h, onChange } from "../dom.js"
import { formatNumber } from "../text.js"

/** @import { Component } from "../types" */

/** Larger counts are written with letters. */
const SHORT = 10_000
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
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  const root = h("div", { class: "root tablist", role: "tablist", "aria-label": "Panel" })
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
  const update = () => arrange(root, model.tabs.map(updateTab))
  onChange(model, ["tabs", "active"], update)
  update()
  return root
}
