// The field for a visitor's own words, above the legend's lines, and the form to keep them, below.

import { h } from "../dom.js"

/** @import { Model, OwnWords } from "../types" */

/** @typedef {Model<{ words: OwnWords | { text?: undefined } }>} Words */

/** What the server takes at most. */
const LONGEST = "1500"

/**
 * Build the field, with what there is to say about its words. Enter sends them.
 *
 * @param {Words} model
 */
export function wordsField(model) {
  const field = h("textarea", {
    class: "find typed",
    maxlength: LONGEST,
    placeholder: "cat, dog, bird",
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "go",
    "aria-label": "Your words, with commas between them",
  })
  const send = () => model.send_msg({ kind: "words", text: field.value })
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      send()
    }
  })
  const hint = h("p", { class: "muted about" })
  const example = h("span")
  const attempt = h(
    "button",
    {
      type: "button",
      class: "chip",
      onclick: () => {
        field.value = example.textContent ?? ""
        send()
      },
    },
    h("span", { class: "muted" }, "Try"),
    example,
  )
  const busy = h("p", { class: "muted busy", role: "status" })
  const problem = h("p", { class: "error", role: "alert" })
  const el = h("div", { class: "own" }, field, attempt, hint, busy, problem)
  let shown = ""
  const update = () => {
    const { words } = model
    el.hidden = words.text === undefined
    if (words.text === undefined) {
      return
    }
    if (words.text !== shown) {
      shown = words.text
      field.value = shown
    }
    say(hint, words.hint)
    example.textContent = words.example
    attempt.hidden = words.example === ""
    attempt.title = `Colour the map by ${words.example}`
    say(busy, words.busy)
    say(problem, words.problem)
  }
  return { el, update }
}

/**
 * Build the form that asks for a column's name and keeps the words under it. A button opens it.
 *
 * @param {Words} model
 */
export function keepForm(model) {
  const name = h("input", {
    class: "find",
    maxlength: "60",
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "done",
    "aria-label": "Name of the column",
  })
  const form = h(
    "form",
    { hidden: true },
    h("p", { class: "muted" }, "Name of the column"),
    h("div", { class: "row" }, name, h("button", { type: "submit", class: "action" }, "Keep")),
  )
  const opener = h("button", { type: "button", class: "action" }, "Keep as a column")
  const open = (/** @type {boolean} */ isOpen) => {
    form.hidden = !isOpen
    opener.hidden = isOpen
    opener.setAttribute("aria-expanded", String(isOpen))
  }
  opener.addEventListener("click", () => {
    open(true)
    name.focus()
    name.select()
  })
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    model.send_msg({ kind: "keep", name: name.value })
  })
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation()
      open(false)
      opener.focus()
    }
  })
  const kept = h("p", { class: "muted", role: "status", tabindex: "-1" })
  const problem = h("p", { class: "error", role: "alert" })
  const el = h("div", { class: "keep" }, opener, form, problem, kept)
  let words = ""
  let offered = ""
  const update = () => {
    const now = model.words
    el.hidden = now.text === undefined || now.name === ""
    if (now.text === undefined) {
      return
    }
    if (now.text !== words) {
      words = now.text
      open(false)
    }
    if (now.name !== offered) {
      offered = now.name
      name.value = offered
    }
    say(kept, now.kept)
    if (now.kept !== "" && !form.hidden) {
      open(false)
      kept.focus()
    }
    say(problem, form.hidden ? "" : now.keep_problem)
    opener.hidden = now.kept !== "" || !form.hidden
  }
  return { el, update }
}

/**
 * Show a sentence; without one, take no room.
 *
 * @param {HTMLElement} el
 * @param {string} text
 */
function say(el, text) {
  el.hidden = text === ""
  el.textContent = text
}
