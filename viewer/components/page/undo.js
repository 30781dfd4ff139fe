// The buttons for undo and redo, and their keys. A line over the page says what was done, for a while; after
// an act it offers to undo it. In a field for text the keys undo the typing, as everywhere.

import { h, icon, listenWhileShown, onChange } from "../dom.js"
import { focusedElement } from "../focus.js"
import { batched } from "../timing.js"

/** @import { Component } from "../types" */

/**
 * @typedef {object} Properties
 * @property {string} undo what undo takes back, ""
 * @property {string} redo what redo makes again, ""
 * @property {string} said
 * @property {number} sayings changes with each line that is said
 */

const BACK = "M9 14L4 9l5-5M4 9h10a6 6 0 010 12h-3"
const AGAIN = "M15 14l5-5-5-5M20 9H10a6 6 0 000 12h3"

/** Milliseconds for which a line is shown. */
const SHOWN = 5000

/** Fields in which a person types. */
const TEXT =
  'input:not([type="range"]):not([type="checkbox"]):not([type="radio"]), textarea, [contenteditable]'

/**
 * Return what a key asks for; "" for neither.
 *
 * @param {{ key: string, ctrlKey: boolean, metaKey: boolean, shiftKey: boolean, altKey: boolean }} event
 * @returns {"undo" | "redo" | ""}
 */
export function askedFor({ key, ctrlKey, metaKey, shiftKey, altKey }) {
  if (!(ctrlKey || metaKey) || altKey) {
    return ""
  }
  const letter = key.toLowerCase()
  if (letter === "z") {
    return shiftKey ? "redo" : "undo"
  }
  return letter === "y" && !shiftKey ? "redo" : ""
}

/** @param {Component<Properties>} component */
export function render({ model }) {
  /**
   * @param {"undo" | "redo"} kind
   * @param {string} shape
   */
  const button = (kind, shape) =>
    h("button", { class: "square", type: "button", onclick: () => model.send_msg({ kind }) }, icon(shape))
  const undo = button("undo", BACK)
  const redo = button("redo", AGAIN)
  const words = h("span", { class: "grow", role: "status" })
  const offer = h(
    "button",
    { class: "action", type: "button", onclick: () => model.send_msg({ kind: "undo" }) },
    "Undo",
  )
  const line = h("div", { class: "toast", hidden: true }, words, offer)
  const update = () => {
    for (const [el, name, what, keys] of /** @type {const} */ ([
      [undo, "Undo", model.undo, "Ctrl+Z"],
      [redo, "Redo", model.redo, "Ctrl+Shift+Z"],
    ])) {
      el.setAttribute("aria-label", name)
      el.title = what ? `${name}: ${what} (${keys})` : `${name} (${keys})`
      el.disabled = what === ""
    }
  }
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let shown = model.sayings
  const say = () => {
    if (model.sayings === shown) {
      return
    }
    shown = model.sayings
    words.textContent = model.said
    offer.hidden = /^(Undone|Done again|Nothing)/.test(model.said)
    line.hidden = false
    clearTimeout(timer)
    timer = setTimeout(() => {
      line.hidden = true
    }, SHOWN)
  }
  /** @param {KeyboardEvent} event */
  const listen = (event) => {
    const kind = askedFor(event)
    if (kind && !event.defaultPrevented && !focusedElement()?.matches(TEXT)) {
      event.preventDefault()
      model.send_msg({ kind })
    }
  }
  listenWhileShown(model, document, ["keydown"], listen)
  model.on("remove", () => clearTimeout(timer))
  onChange(
    model,
    ["undo", "redo", "said", "sayings"],
    batched(() => {
      update()
      say()
    }),
  )
  update()
  return h("div", { class: "root" }, h("div", { class: "row" }, undo, redo), line)
}
