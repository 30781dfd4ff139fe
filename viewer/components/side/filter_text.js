// The filters as a line of text: completed while a person types, with errors underlined at the word.

import { h } from "../dom.js"
import { afterPause } from "../timing.js"

/** @import { Completion, CompletionOption, FilterProblem, Model } from "../types" */

/**
 * @typedef {object} LineProperties
 * @property {string} text the filters as a line
 * @property {FilterProblem | { text?: undefined }} problem with the line that was sent last
 * @property {Completion | { text?: undefined }} completion how the line may go on
 */

/** @typedef {"down" | "up" | "accept" | "finish" | "close" | "restore" | ""} LineAction */

/** The line filters this many milliseconds after the last letter. */
const PAUSE = 500

/** Options are asked for this many milliseconds after the last letter. */
const SOON = 60

/**
 * Return a place in a text in Unicode's characters, as the server counts; JavaScript counts some as two.
 *
 * @param {string} text
 * @param {number} units
 */
export function characters(text, units) {
  return [...text.slice(0, units)].length
}

/**
 * Return a place in a text as JavaScript counts.
 *
 * @param {string} text
 * @param {number} count of Unicode's characters
 */
export function units(text, count) {
  return [...text].slice(0, count).join("").length
}

/**
 * Part a text into what stands before a problem, the word that it is about, and what follows.
 *
 * @param {string} text
 * @param {FilterProblem} problem
 */
export function parted(text, { start, end }) {
  const [from, to] = [units(text, start), units(text, end)]
  return [text.slice(0, from), text.slice(from, to), text.slice(to)]
}

/**
 * Put an option into a text. Return the text and the place after the option.
 *
 * @param {string} text
 * @param {{ start: number, end: number }} place in Unicode's characters
 * @param {string} insert
 */
export function inserted(text, { start, end }, insert) {
  const [from, to] = [units(text, start), units(text, end)]
  const rest = text.slice(to)
  const added = insert.endsWith(" ") && /^[\s,)]/.test(rest) ? insert.slice(0, -1) : insert
  return { text: text.slice(0, from) + added + rest, at: from + added.length }
}

/**
 * Return what a key does in the line; "" for what it does in any field. Tab completes the word that is being
 * typed, and else goes on to the next control.
 *
 * @param {{ key: string, shiftKey: boolean }} event
 * @param {{ count: number, active: number, isInWord: boolean, isChanged: boolean }} line its options, the one
 *   that is marked or -1, whether the cursor is in a word, and whether the line differs from the filters
 */
export function actionOf({ key, shiftKey }, { count, active, isInWord, isChanged }) {
  const isMarked = active >= 0
  /** @type {Record<string, LineAction>} */
  const open = {
    ArrowDown: "down",
    ArrowUp: "up",
    Escape: "close",
    Enter: isMarked ? "accept" : "finish",
    Tab: !shiftKey && (isMarked || isInWord) ? "accept" : "",
  }
  /** @type {Record<string, LineAction>} */
  const closed = { Enter: "finish", Escape: isChanged ? "restore" : "" }
  return (count > 0 ? open[key] : closed[key]) ?? ""
}

/**
 * Build the field, its options and the line below that says what is wrong.
 *
 * @param {Model<LineProperties>} model
 */
export function filterText(model) {
  const input = h("input", {
    type: "text",
    class: "field typed",
    role: "combobox",
    placeholder: "Type a filter, or use the charts",
    "aria-label": "Filter as a line of text",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": "filter-options",
    "aria-describedby": "filter-problem",
    maxlength: "20000",
    autocomplete: "off",
    spellcheck: "false",
  })
  const mirror = h("div", { class: "mirror", "aria-hidden": "true" })
  const list = h("ul", {
    class: "options",
    id: "filter-options",
    role: "listbox",
    "aria-label": "How it may go on",
  })
  const problem = h("div", { class: "problem", id: "filter-problem", role: "status" })
  const el = h("div", { class: "filter-line" }, h("div", { class: "typing" }, input, mirror, list), problem)
  input.value = model.text

  let isFinished = true // a person has left the line, or pressed Enter: also the last word is complete
  let isAsking = false
  let active = -1
  const options = () => {
    const { completion } = model
    const isFresh = completion.text === input.value && completion.at === characters(input.value, caret(input))
    return isAsking && isFresh && completion.text !== undefined ? completion : null
  }
  const showOptions = () => {
    const offered = options()?.options ?? []
    active = Math.min(active, offered.length - 1)
    list.replaceChildren(
      ...offered.map((option, i) => optionLine(option, i, i === active, () => accept(option))),
    )
    list.hidden = offered.length === 0
    input.setAttribute("aria-expanded", String(offered.length > 0))
    if (active >= 0) {
      input.setAttribute("aria-activedescendant", optionId(active))
      list.children[active]?.scrollIntoView({ block: "nearest" })
    } else {
      input.removeAttribute("aria-activedescendant")
    }
  }
  const showProblem = () => {
    const found = model.problem
    const isSaid = found.text !== undefined && found.text === input.value
    const at = characters(input.value, caret(input))
    const isTyped = isSaid && !isFinished && found.start <= at && at <= found.end
    const isInWord = isSaid && !isTyped && found.start < found.end
    problem.textContent = isSaid && (isInWord || isFinished) ? found.message : ""
    input.setAttribute("aria-invalid", String(problem.textContent !== ""))
    const [before, word, after] = isInWord ? parted(input.value, found) : ["", "", ""]
    mirror.replaceChildren(before ?? "", h("u", {}, word ?? ""), after ?? "")
    mirror.scrollLeft = input.scrollLeft
  }
  const ask = () => {
    if (isAsking) {
      const { value } = input
      model.send_msg({ kind: "complete", text: value, at: characters(value, caret(input)) })
    }
  }
  const askSoon = afterPause(ask, SOON)
  const say = () => {
    if (input.isConnected && (input.value !== model.text || model.problem.text !== undefined)) {
      model.send_msg({ kind: "say", text: input.value })
    }
  }
  const sayAfterPause = afterPause(say, PAUSE)
  const close = () => {
    isAsking = false
    active = -1
    showOptions()
  }
  const typed = () => {
    isFinished = false
    isAsking = true
    active = -1
    showOptions()
    showProblem()
    askSoon()
    sayAfterPause()
  }
  /** @param {CompletionOption} option */
  const accept = (option) => {
    const place = options()
    if (place) {
      const next = inserted(input.value, place, option.insert)
      input.value = next.text
      input.setSelectionRange(next.at, next.at)
      input.focus()
      typed()
    }
  }
  const finish = () => {
    isFinished = true
    close()
    say()
    showProblem()
  }

  input.addEventListener("input", typed)
  input.addEventListener("scroll", () => {
    mirror.scrollLeft = input.scrollLeft
  })
  for (const name of ["click", "focus"]) {
    input.addEventListener(name, () => {
      isAsking = true
      askSoon()
    })
  }
  input.addEventListener("blur", finish)
  /** @param {number} step */
  const move = (step) => {
    const count = options()?.options.length ?? 0
    active = active < 0 && step < 0 ? count - 1 : (active + step + count) % count
    showOptions()
  }
  const acceptActive = () => {
    const option = options()?.options[Math.max(active, 0)]
    if (option) {
      accept(option)
    }
  }
  const restore = () => {
    input.value = model.text
    showProblem()
  }
  const actions = {
    down: () => move(1),
    up: () => move(-1),
    accept: acceptActive,
    finish,
    close,
    restore,
  }
  input.addEventListener("keydown", (event) => {
    const place = options()
    const action = actionOf(event, {
      count: place?.options.length ?? 0,
      active,
      isInWord: place !== null && place.start < place.end,
      isChanged: input.value !== model.text,
    })
    if (action) {
      event.preventDefault()
      event.stopPropagation()
      actions[action]()
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      askSoon()
    }
  })
  model.on("completion", showOptions)
  model.on("problem", showProblem)
  let shown = model.text
  model.on("text", () => {
    const isEdited = focused(input) && input.value !== shown
    shown = model.text
    if (!isEdited) {
      input.value = shown
      showProblem()
    }
  })
  showOptions()
  return el
}

/** @param {HTMLInputElement} input */
function caret(input) {
  return input.selectionStart ?? input.value.length
}

/** @param {HTMLInputElement} input */
function focused(input) {
  const root = input.getRootNode()
  return root instanceof ShadowRoot && root.activeElement === input
}

/** @param {number} i */
function optionId(i) {
  return `filter-option-${i}`
}

/**
 * @param {CompletionOption} option
 * @param {number} i
 * @param {boolean} isActive
 * @param {() => void} accept
 */
function optionLine({ text, note }, i, isActive, accept) {
  return h(
    "li",
    {
      id: optionId(i),
      role: "option",
      class: isActive ? "on" : "",
      "aria-selected": String(isActive),
      onmousedown: (event) => {
        event.preventDefault() // the field keeps the focus
        accept()
      },
    },
    h("span", { class: "grow said" }, text),
    note && h("span", { class: "muted" }, note),
  )
}
