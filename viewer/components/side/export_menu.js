// Exports the selection: as a file, or its ids to the clipboard. A line reports the outcome.

import { copyText, h, ICONS, icon } from "../dom.js"
import { basePath, formatNumber } from "../text.js"

/** @import { SelectionModel } from "./selection_panel.js" */

const FORMATS = [
  { format: "csv", label: "CSV table" },
  { format: "parquet", label: "Parquet table" },
  { format: "zip", label: "ZIP of originals" },
]
const SAVE = "M12 4v11M7 11l5 5 5-5M5 20h14"

/** Milliseconds until a message disappears. */
const MESSAGE = 4000

/**
 * Build the menu of formats, the button that copies ids, and the line for messages.
 *
 * @param {SelectionModel} model
 */
export function exportLine(model) {
  const messages = messageLine()
  model.on("offered", () => fetchExport(model, messages.show))
  return h("div", { class: "row wrap" }, exportMenu(model, messages.show), copyButton(model), messages.el)
}

/** Build a line for messages. Each disappears after a while. */
function messageLine() {
  const el = h("div", { class: "message muted", role: "status" })
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  /** @param {string} text */
  const show = (text) => {
    el.textContent = text
    clearTimeout(timer)
    timer = setTimeout(() => {
      el.textContent = ""
    }, MESSAGE)
  }
  return { el, show }
}

/** @param {SelectionModel} model */
function copyButton(model) {
  return h(
    "button",
    {
      class: "action",
      type: "button",
      onclick: () => model.send_msg({ kind: "export", format: "ids" }),
    },
    icon(ICONS.copy),
    "Copy ids",
  )
}

/**
 * Build the menu of file formats.
 *
 * @param {SelectionModel} model
 * @param {(message: string) => void} say
 */
function exportMenu(model, say) {
  const entries = FORMATS.map(({ format, label }) =>
    h(
      "button",
      {
        class: "entry",
        type: "button",
        role: "menuitem",
        onclick: () => {
          open(false)
          model.send_msg({ kind: "export", format })
          say("The download starts…")
        },
      },
      label,
    ),
  )
  const list = h("div", { class: "menu", role: "menu", hidden: true }, entries)
  const button = h(
    "button",
    {
      class: "action",
      type: "button",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      onclick: () => open(Boolean(list.hidden)),
    },
    icon(SAVE),
    "Export",
    icon(ICONS.down),
  )
  /** @param {boolean} isOpen */
  const open = (isOpen) => {
    list.hidden = !isOpen
    button.setAttribute("aria-expanded", String(isOpen))
    if (isOpen) {
      entries[0]?.focus()
    }
  }
  /** @param {KeyboardEvent} event */
  const onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (list.hidden || !(step || event.key === "Escape")) {
      return
    }
    if (step) {
      const at = entries.findIndex((entry) => entry.matches(":focus"))
      entries.at((at + step) % entries.length)?.focus()
    } else {
      open(false)
      button.focus()
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
  return h("div", { class: "drop", onkeydown, onfocusout }, button, list)
}

/**
 * Fetch the export that the server offers: save a file, or copy ids.
 *
 * @param {SelectionModel} model
 * @param {(message: string) => void} say
 */
async function fetchExport(model, say) {
  const { token, kind } = model.offered
  if (!token) {
    return
  }
  const url = `${basePath()}/export/${token}`
  if (kind !== "ids") {
    h("a", { href: url, download: "" }).click()
    return
  }
  const copied = await copyIds(url).catch(() => false)
  const ids = `${formatNumber(model.count)} ${model.count === 1 ? "id" : "ids"}`
  say(copied ? `${ids} copied` : "The browser did not let the ids be copied")
}

/** @param {string} url */
async function copyIds(url) {
  const answer = await fetch(url)
  return answer.ok && copyText(await answer.text())
}
