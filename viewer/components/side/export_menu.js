// Exports: a menu of formats, and what saves the file or copies the ids. A line reports the outcome.

import { copyText, draw, h, ICONS, icon } from "../dom.js"
import { dropMenu, menuEntry } from "../menu.js"
import { basePath, countImages, formatNumber } from "../text.js"

/** @import { Child } from "../types" */
/** @import { SelectionModel } from "./selection_panel.js" */

/** @typedef {{ format: string, label: string }} Format */

/** @type {Format[]} */
const FORMATS = [
  { format: "csv", label: "CSV table" },
  { format: "parquet", label: "Parquet table" },
  { format: "zip", label: "ZIP of originals" },
  { format: "images", label: "Parquet with images" },
  { format: "imagefolder", label: "Hugging Face folder" },
  { format: "coco", label: "COCO" },
  { format: "yolo", label: "YOLO classes" },
  { format: "fiftyone", label: "FiftyOne" },
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
  const whole = excludedSwitch(model)
  /** @param {string} format */
  const send = (format) => {
    const excluded = whole.isOn()
    if (!excluded && model.excluded === model.count) {
      messages.show("All of these are excluded from exports. The menu has a switch for them.")
      return
    }
    model.send_msg({ kind: "export", format, excluded })
    if (format !== "ids") {
      messages.show("The download starts…")
    }
  }
  model.on("offered", () => {
    const count = model.count - (whole.isOn() ? 0 : model.excluded)
    fetchOffered(model.offered, count, messages.show)
  })
  return h(
    "div",
    { class: "row wrap" },
    formatMenu("Export", FORMATS, send, whole.el),
    copyButton(() => send("ids")),
    messages.el,
  )
}

/** Build a line for messages. Each disappears after a while. */
export function messageLine() {
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

/** @param {() => void} onclick */
function copyButton(onclick) {
  return h("button", { class: "action", type: "button", onclick }, icon(ICONS.copy), "Copy ids")
}

/**
 * Build the switch for images that exports leave out. It is off at first, and hidden without such images.
 *
 * @param {SelectionModel} model
 */
function excludedSwitch(model) {
  let on = false
  const el = draw(
    model,
    ["excluded"],
    () => [
      model.excluded > 0 &&
        h(
          "button",
          {
            class: `entry switch${on ? " on" : ""}`,
            type: "button",
            role: "menuitemcheckbox",
            "aria-checked": String(on),
            onclick: ({ currentTarget }) => {
              on = !on
              currentTarget.classList.toggle("on", on)
              currentTarget.setAttribute("aria-checked", String(on))
            },
          },
          h("span", { class: "knob" }),
          `With the ${formatNumber(model.excluded)} excluded`,
        ),
    ],
    "part",
  )
  return { el, isOn: () => on }
}

/**
 * Build a button that opens a menu of file formats.
 *
 * @param {string} label
 * @param {Format[]} formats
 * @param {(format: string) => void} choose
 * @param {Child[]} after other entries of the menu
 */
export function formatMenu(label, formats, choose, ...after) {
  const entries = formats.map(({ format, label: words }) =>
    menuEntry(words, () => {
      menu.close()
      choose(format)
    }),
  )
  const list = h("div", {}, entries, after)
  const menu = dropMenu({ class: "action" }, [icon(SAVE), label, icon(ICONS.down)], list)
  return menu.el
}

/**
 * Fetch what the server offers: save a file, or copy ids.
 *
 * @param {{ token?: string, kind?: string }} offered
 * @param {number} count of the images in it
 * @param {(message: string) => void} say
 */
export async function fetchOffered({ token, kind }, count, say) {
  if (!token) {
    return
  }
  const url = `${basePath()}/export/${token}`
  if (kind !== "ids") {
    h("a", { href: url, download: "" }).click()
    return
  }
  const copied = await copyIds(url).catch(() => false)
  const ids = `${formatNumber(count)} ${count === 1 ? "id" : "ids"}`
  say(copied ? `${ids} copied` : "The browser did not let the ids be copied")
}

/** @param {string} url */
async function copyIds(url) {
  const answer = await fetch(url)
  return answer.ok && copyText(await answer.text())
}

/**
 * Build the line about images that exports leave out, with a button that puts them back.
 *
 * @param {number} count
 * @param {() => void} putBack
 */
export function excludedLine(count, putBack) {
  return (
    count > 0 &&
    h(
      "div",
      { class: "row left-out" },
      h("span", { class: "grow" }, `${countImages(count)} excluded from exports`),
      h("button", { class: "action quiet", type: "button", onclick: putBack }, "Put back"),
    )
  )
}
