// Keyboard shortcuts of the page, and the list of them. They are off while a person types into a field or
// uses a control.

import { h, ICONS, icon, listenWhileShown } from "../dom.js"
import { findByClass } from "../find.js"
import { focusedElement } from "../focus.js"
import { growMessage } from "../layout/grow.js"
import { takeTool, toggleTool, toolInHand } from "../map/hand.js"

/** @import { Component, Message } from "../types" */
/** @import { Tool } from "../map/hand.js" */

/**
 * The visible list: a title for each section, and its keys with their effect.
 *
 * @type {{ title: string, lines: [string[], string][] }[]}
 */
const SECTIONS = [
  {
    title: "Look",
    lines: [
      [["+"], "Zoom in"],
      [["−"], "Zoom out"],
      [["0"], "The whole map"],
      [["←", "→"], "Previous and next image"],
    ],
  },
  {
    title: "Everywhere",
    lines: [
      [["/"], "Search"],
      [["Esc"], "Put away: tool, image, choice"],
      [["[", "]"], "Narrower and wider panels"],
      [["{", "}"], "Lower and higher panels below"],
      [["Ctrl", "Z"], "Undo"],
      [["Ctrl", "Shift", "Z"], "Redo"],
      [["?"], "This list"],
      [["↑", "↓", "←", "→"], "Within a list of images"],
    ],
  },
  {
    title: "Choose",
    lines: [
      [["L"], "Lasso"],
      [["B"], "Box"],
      [["Shift", "drag"], "Add to what is chosen"],
      [["Alt", "drag"], "Take away from it"],
      [["Shift", "click"], "One image more, or less"],
      [["T"], "Label by keys, or stop"],
      [["1", "–", "9"], "Give a label; 0 takes it away"],
    ],
  },
]

/**
 * The tool that each key takes, or puts away.
 *
 * @type {Map<string, Tool>}
 */
export const KEY_TOOLS = new Map([
  ["l", "lasso"],
  ["b", "box"],
])

/**
 * The message that each key sends. A zoom by 1 is nearer, by -1 farther.
 *
 * @type {Map<string, Message>}
 */
export const KEY_MESSAGES = new Map([
  ["ArrowLeft", { kind: "step", by: -1 }],
  ["ArrowRight", { kind: "step", by: 1 }],
  ["+", { kind: "zoom", by: 1 }],
  ["=", { kind: "zoom", by: 1 }],
  ["-", { kind: "zoom", by: -1 }],
  ["0", { kind: "home" }],
  ["[", { kind: "grow", dock: "beside", by: -1 }],
  ["]", { kind: "grow", dock: "beside", by: 1 }],
  ["{", { kind: "grow", dock: "below", by: -1 }],
  ["}", { kind: "grow", dock: "below", by: 1 }],
  ["t", { kind: "labelling" }],
])

/** Elements that handle keys themselves. */
const OWN_KEYS = [
  "input",
  "textarea",
  "select",
  "[contenteditable]",
  ...["slider", "tab", "menuitem", "combobox", "listbox", "radio"].map((role) => `[role=${role}]`),
].join(", ")

const KEYBOARD =
  "M4 6.500h16a1.500 1.500 0 011.500 1.500v8a1.500 1.500 0 01-1.500 1.500H4A1.500 1.500 0 012.500 16V8A1.500 1.500 0 014 6.500zM6.500 10h.01M10 10h.01M14 10h.01M17.500 10h.01M8 14h8"

/** Focus the search field and select its words. Return whether there is one. */
function focusSearch() {
  const field = findByClass(document, "clipper-search")?.shadowRoot?.querySelector("input")
  field?.focus()
  field?.select()
  return Boolean(field)
}

/** @param {Component<Record<never, never>>} component */
export function render({ model }) {
  const dialog = h(
    "dialog",
    {
      "aria-labelledby": "keys-title",
      onclick: (event) => {
        if (event.target === dialog) {
          dialog.close()
        }
      },
    },
    h(
      "div",
      { class: "sheet" },
      heading(() => dialog.close()),
      h("div", { class: "lists" }, SECTIONS.map(section)),
    ),
  )
  const toggleList = () => {
    if (dialog.open) {
      dialog.close()
    } else {
      dialog.showModal()
    }
  }
  /** @param {Element | null} field the one that a person types into */
  const putAway = (field) => {
    if (dialog.open) {
      return // the dialog closes itself
    }
    if (field instanceof HTMLElement) {
      field.blur()
    }
    if (toolInHand()) {
      takeTool(null)
    } else {
      model.send_msg({ kind: "escape" })
    }
  }
  /** @param {KeyboardEvent} event */
  const act = (event) => {
    const tool = KEY_TOOLS.get(event.key)
    const message = KEY_MESSAGES.get(event.key)
    if (event.key === "?") {
      toggleList()
    } else if (dialog.open) {
      return
    } else if (event.key === "/" && focusSearch()) {
      event.preventDefault()
    } else if (tool) {
      toggleTool(tool)
    } else if (message) {
      model.send_msg(message.kind === "grow" ? growMessage(message.dock, message.by) : message)
    }
  }
  /** @param {KeyboardEvent} event */
  const listen = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) {
      return
    }
    const focused = focusedElement()
    const field = focused?.matches(OWN_KEYS) ? focused : null
    if (event.key === "Escape") {
      putAway(field)
    } else if (!field) {
      act(event)
    }
  }
  listenWhileShown(model, document, ["keydown"], listen)
  const button = h(
    "button",
    {
      class: "square ask",
      type: "button",
      title: "Keyboard (?)",
      "aria-label": "Keyboard shortcuts",
      onclick: toggleList,
    },
    icon(KEYBOARD),
  )
  return h("div", { class: "root" }, button, dialog)
}

/** @param {() => void} close */
function heading(close) {
  return h(
    "div",
    { class: "row" },
    h("h2", { id: "keys-title", class: "grow", tabindex: "-1", autofocus: true }, "Keyboard"),
    h(
      "button",
      { class: "square", type: "button", title: "Close (Esc)", "aria-label": "Close", onclick: close },
      icon(ICONS.close),
    ),
  )
}

/** @param {{ title: string, lines: [string[], string][] }} section */
function section({ title, lines }) {
  return h(
    "section",
    {},
    h("h3", {}, title),
    h(
      "dl",
      {},
      lines.map(([keys, words]) => [
        h(
          "dt",
          {},
          keys.map((key) => h("kbd", {}, key)),
        ),
        h("dd", {}, words),
      ]),
    ),
  )
}
