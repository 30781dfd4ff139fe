// Labelling by keys: a line of up to nine labels with their digits. A digit labels the card that has the
// focus, and the focus goes to the next card; without one, the open image or the selection.

import { keepCookie } from "../cookies.js"
import { h, ICONS, listenWhileShown, onChange, squareButton } from "../dom.js"
import { focusedElement } from "../focus.js"
import { countImages, formatNumber } from "../text.js"
import { batched } from "../timing.js"

/** @import { Component } from "../types" */

/** @typedef {{ tag: string, colour: string, count: number, on: boolean }} Label */

/**
 * @typedef {object} Properties
 * @property {boolean} shown
 * @property {Label[]} labels
 * @property {string[]} known tags that are no labels yet
 * @property {string[]} palette colours to choose from
 * @property {string[]} columns columns of labels
 * @property {string} column the one in use, "" for tags
 * @property {string} target what a digit labels where no card has the focus
 * @property {string} trouble
 */

const MOST = 9
const COOKIE = "clipper-labels"

/** Fields in which a person types. */
const TEXT = 'input:not([type="range"]), textarea, select, [contenteditable]'

/**
 * Return what a key asks for: the place of a label, "clear", or null.
 *
 * @param {{ key: string, ctrlKey: boolean, metaKey: boolean, altKey: boolean }} event
 * @param {number} count of labels
 */
export function labelOfKey({ key, ctrlKey, metaKey, altKey }, count) {
  if (ctrlKey || metaKey || altKey) {
    return null
  }
  if (key === "0" || key === "Backspace") {
    return "clear"
  }
  return /^[1-9]$/.test(key) && Number(key) <= count ? Number(key) - 1 : null
}

/** The card that has the focus. */
function focusedCard() {
  const card = focusedElement()?.closest(".card")
  return card instanceof HTMLElement && card.dataset.id ? card : null
}

/** @param {HTMLElement} card */
function focusNext(card) {
  const root = card.getRootNode()
  const cards = root instanceof ShadowRoot ? [...root.querySelectorAll(".card")] : []
  const next = cards[cards.indexOf(card) + 1]
  if (next instanceof HTMLElement) {
    next.focus()
    next.scrollIntoView({ block: "nearest" })
  }
}

/** The labels that this browser had last. */
function keptLabels() {
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(`${COOKIE}=`))
  try {
    const value = JSON.parse(decodeURIComponent(found?.slice(COOKIE.length + 1) ?? "[]"))
    return Array.isArray(value) ? value.map(String).slice(0, MOST) : []
  } catch {
    return []
  }
}

/** @param {Component<Properties>} component */
export function render({ model }) {
  let open = -1 // the label whose colours are shown
  const tags = () => model.labels.map(({ tag }) => tag)
  /** @param {string[]} wanted */
  const set = (wanted) => {
    if (model.column) {
      model.send_msg({ kind: "set", tags: wanted })
      return
    }
    const text = encodeURIComponent(JSON.stringify(wanted.slice(0, MOST)))
    keepCookie(COOKIE, text)
    model.send_msg({ kind: "set", tags: wanted })
  }
  const proposals = h("datalist", { id: "known-labels" })
  const field = h("input", {
    class: "field",
    type: "text",
    maxlength: "60",
    placeholder: "Add a label…",
    "aria-label": "Add a label",
    list: "known-labels",
    autocomplete: "off",
  })
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault()
        if (field.value.trim()) {
          set([...tags(), field.value.trim()])
          field.value = ""
        }
      },
    },
    field,
    proposals,
  )
  const line = h("div", { class: "labels" })
  const said = h("div", { class: "muted", role: "status" })
  /**
   * @param {Label} label
   * @param {number} at
   */
  const swatches = ({ tag }, at) =>
    h(
      "div",
      { class: "swatches", role: "group", "aria-label": `Colour of ${tag}` },
      model.palette.map((colour, place) =>
        h("button", {
          class: "swatch",
          type: "button",
          "aria-label": `Colour ${place + 1}`,
          style: `background:${colour}`,
          onclick: () => {
            open = -1
            model.send_msg({ kind: "colour", tag: tags()[at] ?? "", place })
            update()
          },
        }),
      ),
    )
  /**
   * @param {Label} label
   * @param {number} at
   */
  const chip = (label, at) => {
    const { tag, colour, count, on } = label
    const dot = h("button", {
      class: "dot",
      type: "button",
      title: "Change the colour",
      "aria-label": `Change the colour of ${tag}`,
      style: `background:${colour || "var(--c-muted)"}`,
      onclick: () => {
        open = open === at ? -1 : at
        update()
      },
    })
    const give = h(
      "button",
      {
        class: "give",
        type: "button",
        title: `Label with ${tag}: ${countImages(count)}`,
        "aria-keyshortcuts": String(at + 1),
        onclick: () => model.send_msg({ kind: "label", at, id: "" }),
      },
      h("kbd", {}, String(at + 1)),
      h("span", { class: "tag" }, model.column ? tag.slice(model.column.length + 2) : tag),
      h("span", { class: "muted" }, formatNumber(count)),
    )
    const drop = squareButton(`Take ${tag} off this line`, ICONS.close, () =>
      set(tags().filter((other) => other !== tag)),
    )
    const el = h("div", { class: `label${on ? " on" : ""}` }, dot, give, drop)
    return open === at ? [el, swatches(label, at)] : [el]
  }
  const update = () => {
    proposals.replaceChildren(...model.known.map((tag) => h("option", { value: tag })))
    line.replaceChildren(...model.labels.flatMap(chip))
    form.hidden = model.labels.length >= MOST
    const target = model.target ? `, else ${model.target}` : ""
    const help = `A digit labels the image in focus${target}, and goes on. 0 takes labels away.`
    said.textContent = model.trouble || (model.labels.length ? help : "Add labels; then press 1 to 9.")
  }
  /** @param {KeyboardEvent} event */
  const listen = (event) => {
    if (!model.shown || focusedElement()?.matches(TEXT)) {
      return
    }
    const asked = labelOfKey(event, model.labels.length)
    if (asked === null) {
      return
    }
    event.preventDefault()
    const card = focusedCard()
    const id = card?.dataset.id ?? ""
    model.send_msg(asked === "clear" ? { kind: "clear", id } : { kind: "label", at: asked, id })
    if (card && asked !== "clear") {
      focusNext(card)
    }
  }
  listenWhileShown(model, document, ["keydown"], listen, { capture: true })
  const New = "\n" // no column has this name
  const select = h("select", {
    class: "field which",
    "aria-label": "What the digits give",
    onchange: () => {
      making.hidden = select.value !== New
      if (making.hidden) {
        model.send_msg({ kind: "column", column: select.value })
      } else {
        made.focus()
      }
    },
  })
  const made = h("input", {
    class: "field",
    type: "text",
    maxlength: "28",
    placeholder: "Name, e.g. quality",
    "aria-label": "Name of the label column",
    autocomplete: "off",
  })
  const values = h("input", {
    class: "field",
    type: "text",
    maxlength: "300",
    placeholder: "Labels, e.g. good, bad, unsure",
    "aria-label": "Labels, with commas between them",
    autocomplete: "off",
  })
  const making = h(
    "form",
    {
      class: "making",
      hidden: true,
      onsubmit: (event) => {
        event.preventDefault()
        model.send_msg({ kind: "define", name: made.value, values: values.value })
        making.hidden = true
        made.value = values.value = ""
      },
    },
    made,
    values,
    h("button", { class: "action", type: "submit" }, "Make the column"),
  )
  const choose = () => {
    const entries = [["", "Tags"], ...model.columns.map((name) => [name, name]), [New, "New label column…"]]
    select.replaceChildren(
      ...entries.map(([value = "", words = ""]) =>
        h("option", { value, selected: value === model.column }, words),
      ),
    )
  }
  onChange(model, ["columns", "column"], batched(choose))
  choose()
  const begin = () => {
    const kept = keptLabels()
    if (model.shown && !model.column && kept.length > 0 && model.labels.length === 0) {
      set(kept)
    }
  }
  model.on("shown", begin)
  onChange(model, ["labels", "known", "palette", "target", "trouble"], batched(update))
  update()
  const title = h("h3", { class: "grow" }, "Label by keys")
  const close = squareButton("Stop labelling (T)", ICONS.close, () => model.send_msg({ kind: "toggle" }))
  return h(
    "div",
    { class: "root box" },
    h("div", { class: "row" }, title, select, close),
    making,
    line,
    form,
    said,
  )
}
