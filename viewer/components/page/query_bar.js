// The query bar: the images of the query, its words, and help on how to search.

import { draw, h, ICONS, icon } from "../dom.js"
import { imageUrl } from "../text.js"
import { batched } from "../timing.js"
import { imageUpload } from "./image_upload.js"

/** @import { Component, Model, QueryTerm } from "../types" */

/**
 * @typedef {object} Properties
 * @property {string} words of the query
 * @property {QueryTerm[]} images of the query
 * @property {string} note in how many parts a long text was searched, "" without one
 * @property {number} asked changes with each query: its words replace those that were typed
 * @property {string} reading the name of the image that is being read, ""
 * @property {number} most_bytes of an image
 */

/** @typedef {Model<Properties>} BarModel */

const EXAMPLES = [
  { query: "a dog on the beach", meaning: "words, as you would describe the image" },
  { query: "dog -indoor", meaning: "less of what a minus stands before" },
  { query: '"red car" +snow', meaning: "quotes keep a phrase together, a plus sets a term apart" },
  {
    query: "dog^2 -cat^0.5",
    meaning: "weights; without one a term counts 1, a minus 0.3, an image less 0.5",
  },
]
const IMAGES_HELP =
  "Images are terms too: “more like this” and “less like this” on every result, or drop, paste or choose one of yours (up to 20 MB)."
const WEIGHTS_HELP =
  "The query is the weighted sum of its terms’ unit vectors, scaled to length one. Beside images, words weigh 2.5 times as much: their cosines are that much smaller."

/** @param {Component<Properties>} component */
export function render({ model }) {
  let sent = "" // the words of the last query
  const words = h("input", {
    class: "words",
    type: "text",
    size: "1",
    maxlength: "1000",
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "search",
    "aria-label": "Search images",
    onkeydown: (event) => {
      if (event.isComposing) {
        return
      }
      if (event.key === "Enter") {
        sent = words.value
        model.send_msg({ kind: "ask", text: sent })
      }
      const last = model.images.at(-1)
      if (event.key === "Backspace" && words.value === "" && last) {
        model.send_msg({ kind: "drop", term: last.key })
      }
    },
    oninput: () => update(),
  })
  const update = () => {
    const hasImages = model.images.length > 0
    words.placeholder = hasImages ? "Add words, e.g. “at night”" : "Search images, e.g. “a red heart”"
    root.classList.toggle("filled", words.value !== "" || hasImages)
  }
  const clear = h(
    "button",
    {
      type: "button",
      class: "square clear",
      "aria-label": "Clear the search",
      title: "Clear",
      onclick: () => {
        words.value = ""
        model.send_msg({ kind: "clear" })
        update()
        words.focus()
      },
    },
    icon(ICONS.close),
  )
  const upload = imageUpload(model)
  const help = helpButton()
  const root = h(
    "div",
    {
      class: "root bar",
      role: "search",
      onkeydown: (event) => {
        if (event.key === "Escape") {
          help.close()
        }
      },
      onfocusout: ({ relatedTarget }) => {
        if (!(relatedTarget instanceof Node && root.contains(relatedTarget))) {
          help.close()
        }
      },
    },
    h("span", { class: "lens" }, icon(ICONS.lens)),
    queryImages(model),
    words,
    noteOf(model),
    clear,
    upload.button,
    help.button,
    help.text,
    upload.target,
  )
  /** Words that a person is still typing must not be replaced. */
  const isTyping = () => words.matches(":focus") && words.value !== sent
  const showAsked = () => {
    if (!isTyping()) {
      sent = model.words
      words.value = sent
    }
    update()
  }
  model.on("asked", batched(showAsked)) // the words arrive in the same message
  model.on("images", update)
  words.value = model.words
  update()
  return root
}

/**
 * Build the words that say how much of a long query was read.
 *
 * @param {BarModel} model
 */
function noteOf(model) {
  const update = () => [
    model.note && h("span", { class: "note", role: "status", title: model.note }, model.note),
  ]
  return draw(model, ["note"], update, "notes")
}

/**
 * Build the images of the query, and the name of the upload in progress.
 *
 * @param {BarModel} model
 */
function queryImages(model) {
  const reading = () =>
    h(
      "span",
      { class: "image reading", role: "status" },
      h("span", { class: "wheel" }),
      h("span", { class: "name" }, `Reading ${model.reading}`),
    )
  return draw(
    model,
    ["images", "reading"],
    () => [...model.images.map((term) => imageChip(model, term)), model.reading && reading()],
    "images",
  )
}

/**
 * @param {BarModel} model
 * @param {QueryTerm} term
 */
function imageChip(model, { key, label, minus, picture, image, problem }) {
  const thumbnail = picture ?? (image && imageUrl("thumb", image))
  const remove = h(
    "button",
    {
      type: "button",
      class: "off",
      "aria-label": `Remove ${minus ? "less" : "more"} like ${label}`,
      onclick: () => model.send_msg({ kind: "drop", term: key }),
    },
    icon(ICONS.close),
  )
  return h(
    "span",
    {
      class: `image${minus ? " minus" : ""}${problem ? " unknown" : ""}`,
      title: problem ?? `${minus ? "Less" : "More"} like ${label}`,
    },
    problem && h("span", { class: "problem", role: "alert" }, problem),
    thumbnail && h("img", { src: thumbnail, alt: "" }),
    minus && h("span", { class: "sign", "aria-hidden": "true" }, "−"),
    remove,
  )
}

/** Build the help on searching, and the button that shows and hides it. */
function helpButton() {
  const text = h(
    "div",
    { class: "help", id: "help", role: "region", "aria-label": "How to search", hidden: true },
    h(
      "dl",
      {},
      EXAMPLES.map(({ query, meaning }) => [h("dt", {}, h("code", {}, query)), h("dd", {}, meaning)]),
    ),
    h("p", {}, IMAGES_HELP),
    h("p", { class: "muted" }, WEIGHTS_HELP),
  )
  const button = h(
    "button",
    {
      type: "button",
      class: "square",
      "aria-label": "How to search",
      title: "How to search",
      "aria-expanded": "false",
      "aria-controls": "help",
      onclick: () => open(Boolean(text.hidden)),
    },
    "?",
  )
  /** @param {boolean} isOpen */
  const open = (isOpen) => {
    text.hidden = !isOpen
    button.setAttribute("aria-expanded", String(isOpen))
  }
  return { text, button, close: () => open(false) }
}
