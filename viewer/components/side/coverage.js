// What is missing: a field for concepts, and below it what the dataset has of each.

import { draw, h, ICONS, icon, onChange } from "../dom.js"
import { countImages, formatNumber } from "../text.js"
import { thumbnailFrame } from "../thumbnail.js"
import { batched } from "../timing.js"
import { loadPages } from "./pages.js"

/** @import { Child, Component, ImageItem, Message, Model } from "../types" */

/** @typedef {"missing" | "unsure" | "there" | "all"} Part */

/**
 * A concept: how many images show it, whether it is unsure that none does, and the nearest image.
 *
 * @typedef {{ at: number, name: string, count: number, unsure: boolean, image: ImageItem | null }} ConceptItem
 */

/**
 * @typedef {object} Properties
 * @property {string} text the list in the field
 * @property {boolean} asked whether concepts are looked for
 * @property {number} vocabulary how many words ship with Clipper
 * @property {boolean} looking
 * @property {string} trouble why there is no answer, ""
 * @property {Partial<Record<Part, number>>} counts how many concepts each part has, {} without an answer
 * @property {Part} part the one that is listed
 * @property {number} start the place of the first of `items` in the part
 * @property {number} total how many concepts the part has
 * @property {ConceptItem[]} items one page of the part
 * @property {number} turn changes with each page
 */

/** @typedef {Model<Properties>} CoverageModel */

/** Milliseconds after which an answer has its height. */
const SETTLED = 100

/** Bytes of a file with a list. */
const MOST_BYTES = 400_000
/** @type {[Part, string][]} */
const PARTS = [
  ["missing", "Missing"],
  ["unsure", "Unsure"],
  ["there", "There"],
  ["all", "All"],
]

/** @param {Component<Properties>} component */
export function render({ model }) {
  let isAsked = false
  /** @param {Message} message */
  const send = (message) => {
    isAsked = true
    model.send_msg(message)
  }
  const section = h(
    "section",
    { class: "contents", "aria-labelledby": "missing-title" },
    h(
      "div",
      {},
      h("h2", { id: "missing-title" }, "What is missing"),
      h("div", { class: "muted" }, "Write what the dataset should show, and see how many images do."),
    ),
    conceptForm(model, send),
    draw(
      model,
      ["looking", "trouble", "counts", "asked", "vocabulary"],
      () => [said(model), choices(model, send)],
      "answer",
    ),
    conceptList(model),
  )
  // The answer would be below the end of the panel, where the findings have left little room.
  model.on("turn", () => {
    if (isAsked && model.counts.all !== undefined) {
      isAsked = false
      setTimeout(() => section.scrollIntoView({ block: "start", behavior: "smooth" }), SETTLED)
    }
  })
  return h("div", { class: "root" }, section)
}

/**
 * @param {CoverageModel} model
 * @param {(message: Message) => void} send asks
 */
function conceptForm(model, send) {
  const field = h("textarea", {
    class: "field list",
    placeholder: "wheelchair, snow, a crowd of people…",
    "aria-label": "Concepts to look for, with commas or line ends between them",
    spellcheck: "false",
    enterkeyhint: "search",
    onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault()
        ask()
      }
    },
    oninput: () => fit(),
  })
  field.rows = 1
  const ask = () => {
    if (field.value.trim()) {
      send({ kind: "ask", text: field.value })
    }
  }
  const fit = () => {
    field.style.height = "0"
    field.style.height = `${field.scrollHeight + 2}px`
  }
  const trouble = h("div", { class: "muted", role: "status" })
  /** @param {File} file */
  const read = async (file) => {
    const text = file.size <= MOST_BYTES ? await file.text().catch(() => null) : null
    const isText = text !== null && !text.includes("\0")
    trouble.textContent = isText ? "" : `${file.name} is no text file with one concept on each line.`
    if (isText) {
      field.value = text
      fit()
      ask()
    }
  }
  const input = h("input", {
    type: "file",
    accept: ".txt,.csv,text/plain",
    hidden: true,
    onchange: () => {
      const [file] = input.files ?? []
      if (file) {
        read(file)
      }
      input.value = ""
    },
  })
  model.on("text", () => {
    if (field.value.trim() !== model.text) {
      field.value = model.text
      fit()
    }
  })
  field.value = model.text
  return h(
    "form",
    {
      class: "block",
      onsubmit: (event) => {
        event.preventDefault()
        ask()
      },
    },
    field,
    h(
      "div",
      { class: "row" },
      h("button", { class: "action", type: "submit" }, icon(ICONS.lens), "Check"),
      h(
        "button",
        { class: "action quiet", type: "button", onclick: () => input.click() },
        "Choose a text file",
      ),
      input,
      h("span", { class: "grow" }),
      draw(
        model,
        ["asked"],
        () => [
          model.asked &&
            h(
              "button",
              { class: "action quiet", type: "button", onclick: () => model.send_msg({ kind: "clear" }) },
              "Clear",
            ),
        ],
        "part",
      ),
    ),
    trouble,
  )
}

/**
 * Say in a sentence what the answer is, or why there is none.
 *
 * @param {CoverageModel} model
 * @returns {Child}
 */
function said({ looking, trouble, counts }) {
  if (trouble) {
    return h("div", { class: "error", role: "alert" }, trouble)
  }
  if (looking) {
    return h("div", { class: "searching", role: "status" }, "Looking…", h("div", { class: "bar" }))
  }
  const { all } = counts
  return all !== undefined && h("div", { class: "sentence", role: "status" }, summary(counts))
}

/**
 * Return the answer in a sentence.
 *
 * @param {Partial<Record<Part, number>>} counts how many concepts each part has
 */
export function summary({ all = 0, missing = 0, unsure = 0, there = 0 }) {
  if (all === 0) {
    return "There is no concept to look for in that."
  }
  if (all === 1) {
    if (there === 1) {
      return "It is in the dataset."
    }
    return missing === 1 ? "It is missing." : "Unsure: look at the nearest image."
  }
  if (there === all) {
    return `All ${formatNumber(all)} concepts are in the dataset.`
  }
  const rest = [
    missing > 0 && `${formatNumber(missing)} ${areOrIs(missing)} missing`,
    unsure > 0 && `${formatNumber(unsure)} ${areOrIs(unsure)} unsure`,
  ]
  const known = `${formatNumber(there)} of ${formatNumber(all)} concepts ${areOrIs(there)} in the dataset`
  return `${known}; ${rest.filter(Boolean).join(", and ")}.`
}

/** @param {number} count */
function areOrIs(count) {
  return count === 1 ? "is" : "are"
}

/**
 * Offer the vocabulary before anything was asked, and the parts of an answer after that.
 *
 * @param {CoverageModel} model
 * @param {(message: Message) => void} send asks
 * @returns {Child}
 */
function choices(model, send) {
  if (!model.asked) {
    const words = `Check the ${formatNumber(model.vocabulary)} words of Clipper's vocabulary`
    const ask = () => send({ kind: "vocabulary" })
    return (
      model.vocabulary > 0 &&
      h("button", { class: "chip", type: "button", onclick: ask }, h("span", {}, words))
    )
  }
  const { all = 0, missing = 0, there = 0 } = model.counts
  return all > missing && all > there && partButtons(model)
}

/** @param {CoverageModel} model */
function partButtons(model) {
  const hint = h("div", { class: "muted hint" }, "Chance may have found the nearest image: look at it.")
  const buttons = PARTS.filter(([part]) => model.counts[part]).map(([part, words]) => {
    const el = h(
      "button",
      { class: "part-of", type: "button", onclick: () => choose(part) },
      `${words} ${formatNumber(model.counts[part] ?? 0)}`,
    )
    return { part, el }
  })
  /** @param {Part} chosen */
  const mark = (chosen) => {
    hint.hidden = chosen !== "unsure"
    for (const { part, el } of buttons) {
      el.setAttribute("aria-pressed", String(part === chosen))
    }
  }
  /** @param {Part} part */
  const choose = (part) => {
    mark(part)
    model.send_msg({ kind: "part", part })
  }
  mark(model.part)
  const group = { class: "parts", role: "group", "aria-label": "List" }
  return [
    h(
      "div",
      group,
      buttons.map(({ el }) => el),
    ),
    hint,
  ]
}

/** @param {CoverageModel} model */
function conceptList(model) {
  const list = h("div", { class: "concepts" })
  const end = loadPages(model, {
    total: () => model.total,
    loaded: () => list.childElementCount,
    clear: () => list.replaceChildren(),
    add: () => list.append(...model.items.map((item) => conceptLine(model, item))),
  })
  const update = () => {
    list.hidden = model.looking || model.counts.all === undefined
  }
  onChange(model, ["looking", "counts"], batched(update))
  update()
  return h("div", {}, list, end)
}

/**
 * @param {CoverageModel} model
 * @param {ConceptItem} item
 */
function conceptLine(model, { at, name, count, unsure, image }) {
  const none = unsure ? "unsure" : "no image"
  const figure = count > 0 ? countImages(count) : none
  const nearest = image ? `nearest: ${image.label}` : ""
  return h(
    "button",
    {
      class: count > 0 || unsure ? "concept" : "concept none",
      type: "button",
      title: [`${name}: ${figure}`, nearest].filter(Boolean).join("\n"),
      "aria-label": [name, figure, nearest].filter(Boolean).join(", "),
      disabled: image === null,
      onclick: () => model.send_msg({ kind: "show", at }),
    },
    image ? thumbnailFrame(image, { loading: "lazy", decoding: "async" }) : h("span", { class: "frame" }),
    h(
      "span",
      { class: "grow" },
      h("span", { class: "name" }, name),
      count === 0 && nearest && h("span", { class: "muted nearest" }, nearest),
    ),
    h("span", { class: "muted figure" }, figure),
  )
}
