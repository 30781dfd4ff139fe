// A button that opens a menu. The arrow keys go from entry to entry, and Escape closes the menu.

import { h, ICONS, icon } from "./dom.js"

/** @import { Attributes, Child } from "./types" */

/** Elements of a menu that can have the focus. */
const ENTRIES = '[role^="menuitem"]:not([hidden])'

/**
 * Build a button and the menu that it opens.
 *
 * @param {Attributes<HTMLButtonElement>} attributes of the button
 * @param {Child[]} label of the button
 * @param {HTMLElement} list the menu's element: its entries have a role that begins with "menuitem"
 */
export function dropMenu(attributes, label, list) {
  list.setAttribute("role", "menu")
  list.classList.add("menu")
  list.hidden = true
  const entries = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll(ENTRIES)])
  const button = h(
    "button",
    {
      type: "button",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      onclick: () => open(list.hidden === true),
      ...attributes,
    },
    ...label,
  )
  /** @param {boolean} isOpen */
  const open = (isOpen) => {
    list.hidden = !isOpen
    button.setAttribute("aria-expanded", String(isOpen))
    if (isOpen) {
      entries()[0]?.focus()
    }
  }
  const close = () => {
    if (!list.hidden) {
      open(false)
      button.focus()
    }
  }
  /** @param {KeyboardEvent} event */
  const onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (list.hidden || !(step || event.key === "Escape")) {
      return
    }
    if (step) {
      const all = entries()
      const at = all.findIndex((entry) => entry.matches(":focus"))
      all.at((at + step) % all.length)?.focus()
    } else {
      close()
    }
    event.preventDefault()
    event.stopPropagation()
  }
  /** @param {FocusEvent & { currentTarget: HTMLElement }} event */
  const onfocusout = ({ currentTarget, relatedTarget }) => {
    if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) {
      open(false)
    }
  }
  const el = h("div", { class: "drop", onkeydown, onfocusout }, button, list)
  return { el, button, close }
}

/**
 * Build a part of a menu below a title. Screen readers take the title as the name of the part.
 *
 * @param {string} title
 * @param {Child[]} entries
 */
export function menuPart(title, ...entries) {
  const heading = h("div", { class: "part-title", "aria-hidden": "true" }, title)
  return h("div", { role: "group", "aria-label": title }, heading, entries)
}

/**
 * Build an entry of a menu.
 *
 * @param {Child} label
 * @param {() => void} onclick
 */
export function menuEntry(label, onclick) {
  return h("button", { class: "entry", type: "button", role: "menuitem", onclick }, label)
}

/**
 * Build an entry that is on or off.
 *
 * @param {"menuitemradio" | "menuitemcheckbox"} role
 * @param {Child} label
 * @param {boolean} isOn
 * @param {() => void} onclick
 * @param {Child} note
 */
export function checkedEntry(role, label, isOn, onclick, note = "") {
  return h(
    "button",
    { class: "entry", type: "button", role, "aria-checked": String(isOn), onclick },
    h("span", { class: "tick" }, icon(ICONS.done)),
    label,
    note && h("span", { class: "note" }, note),
  )
}
