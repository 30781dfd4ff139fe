// A block of controls for each column that can be filtered. Blocks are updated in place, so that a focus, a
// drag and unfinished text survive.

import { arrange, draw, h } from "../dom.js"
import { histogram } from "../histogram.js"
import { formatNumber } from "../text.js"
import { afterPause } from "../timing.js"
import { filterText } from "./filter_text.js"
import { missingLine, valueLine } from "./value_lines.js"

/** @import { Component, Facet, Model, ScaleFacet, TextFacet, ValueLine, ValuesFacet } from "../types" */
/** @import { Completion, FilterProblem } from "../types" */

/** Number of values shown until "more" is pressed. */
const FIRST = 8

/** Fewer values than this are not hidden behind "more": the button would take their place. */
const LEAST_HIDDEN = 3

/** A column with more values than this has a field that searches them. */
const MANY = 20

/** The text is sent this many milliseconds after the last letter. */
const TYPING = 180

/**
 * @typedef {object} Properties
 * @property {string} items facets, as JSON
 * @property {boolean} ready whether the columns are counted
 * @property {string} caption what the charts count, "" for all images
 * @property {boolean} excess whether over-represented values come first
 * @property {string} text the filters as a line
 * @property {FilterProblem | { text?: undefined }} problem with the line that was sent last
 * @property {Completion | { text?: undefined }} completion how the line may go on
 */

/** @typedef {Model<Properties>} PanelModel */

/**
 * The part of a block below its title.
 *
 * @template {Facet} Kind
 * @typedef {{ el: HTMLElement, update: (facet: Kind) => void }} Body
 */

/**
 * Return the lines to show of a column's values: all of them, or the first and those that its filter names.
 *
 * @param {ValuesFacet} facet
 * @param {boolean} showsAll
 */
export function shownLines({ lines, on, picks }, showsAll) {
  const isShort = lines.length < FIRST + LEAST_HIDDEN
  return lines.filter((line, i) => showsAll || isShort || i < FIRST || (on && line.on === picks))
}

/**
 * Build a field that reports its text when a person pauses typing.
 *
 * @param {string} placeholder
 * @param {(text: string) => void} say
 */
function searchField(placeholder, say) {
  const input = h("input", {
    type: "search",
    class: "field",
    placeholder,
    "aria-label": placeholder,
    maxlength: "500",
    autocomplete: "off",
    spellcheck: "false",
  })
  input.addEventListener(
    "input",
    afterPause(() => say(input.value), TYPING),
  )
  return input
}

/**
 * Build the values of a column, the most common first, and a field that searches them if there are many.
 *
 * @param {PanelModel} model
 * @param {string} column
 * @returns {Body<ValuesFacet>}
 */
function valuesBody(model, column) {
  /** @type {Map<string, ReturnType<typeof valueLine>>} */
  const lines = new Map()
  /** @type {ValuesFacet | null} */
  let shown = null
  let showsAll = false
  const list = h("div", { class: "values" })
  const empty = h("div", { class: "muted empty" }, "No value like this")
  const more = h("button", {
    type: "button",
    class: "action quiet more",
    onclick: () => {
      showsAll = !showsAll
      if (shown) {
        update(shown)
      }
    },
  })
  const find = searchField("Find a value", (part) => {
    showsAll = showsAll || part !== ""
    model.send_msg({ kind: "find", column, part })
  })
  /** @param {ValueLine} value */
  const lineOf = ({ value }) => {
    const key = JSON.stringify(value)
    const line = lines.get(key) ?? valueLine(model, column)
    lines.set(key, line)
    return line
  }
  /** @param {ValuesFacet} facet */
  const update = (facet) => {
    shown = facet
    const { missing } = facet
    const wanted = [...shownLines(facet, showsAll), ...(missing.whole ? [missing] : [])]
    const most = Math.max(facet.most, missing.whole ?? 0)
    const elements = wanted.map((value) => {
      const line = lineOf(value)
      line.update(value, most, facet.on)
      return line.el
    })
    arrange(list, elements)
    const total = formatNumber(facet.total)
    find.hidden = facet.total <= MANY
    find.placeholder = `Find among ${total} values`
    find.setAttribute("aria-label", `${facet.title}: find among ${total} values`)
    const rest = facet.lines.length - FIRST
    more.hidden = rest < LEAST_HIDDEN || facet.part !== ""
    more.textContent = showsAll ? "Show fewer" : `${formatNumber(rest)} more`
    more.setAttribute("aria-expanded", String(showsAll))
    empty.hidden = facet.lines.length > 0
  }
  return { el: h("div", {}, find, list, empty, more), update }
}

/**
 * Build the histogram of a column of numbers or times.
 *
 * @param {PanelModel} model
 * @param {string} column
 * @param {string} title
 * @returns {Body<ScaleFacet>}
 */
function scaleBody(model, column, title) {
  const chart = histogram(title, (span) =>
    model.send_msg({ kind: "range", column, from: span?.[0] ?? null, to: span?.[1] ?? null }),
  )
  const missing = missingLine(model, column)
  return {
    el: h("div", {}, chart.el, missing.el),
    update: (facet) => {
      chart.update(facet.chart)
      missing.update(facet, Math.max(...facet.chart.whole))
    },
  }
}

/**
 * Build a field that filters by a part of a text. It is not overwritten while a person types.
 *
 * @param {PanelModel} model
 * @param {string} column
 * @returns {Body<TextFacet>}
 */
function textBody(model, column) {
  const input = searchField("Contains…", (text) => model.send_msg({ kind: "text", column, text }))
  const missing = missingLine(model, column)
  let text = ""
  const isFocused = () => {
    const root = input.getRootNode()
    return root instanceof ShadowRoot && root.activeElement === input
  }
  return {
    el: h("div", {}, input, missing.el),
    update: (facet) => {
      input.setAttribute("aria-label", `${facet.title} contains`)
      if (facet.text !== text) {
        text = facet.text
        input.value = isFocused() ? input.value : text
      }
      missing.update(facet)
    },
  }
}

/**
 * Build the body for a kind of column. A block is only updated with a facet of its own kind.
 *
 * @param {PanelModel} model
 * @param {Facet} facet
 * @returns {{ el: HTMLElement, update: (facet: never) => void }}
 */
function bodyOf(model, { kind, name, title }) {
  switch (kind) {
    case "values":
      return valuesBody(model, name)
    case "text":
      return textBody(model, name)
    default:
      return scaleBody(model, name, title)
  }
}

/**
 * Build a block: the column's title, its filter in words, and the body.
 *
 * @param {PanelModel} model
 * @param {Facet} facet
 */
function blockOf(model, facet) {
  const body = bodyOf(model, facet)
  const words = h("span", { class: "words" })
  const clock = h("small", {})
  const heading = h(
    "div",
    { class: "row title" },
    h("h3", { class: "grow", "aria-level": "2" }, facet.title, clock),
    words,
  )
  const el = h("section", { class: "facet", "aria-label": facet.title }, heading, body.el)
  /** @param {Facet} next */
  const update = (next) => {
    words.textContent = next.words ?? ""
    clock.textContent = next.clock && ` (${next.clock})`
    el.classList.toggle("used", next.on)
    body.update(/** @type {never} */ (next))
  }
  return { el, kind: facet.kind, update }
}

/**
 * Keep the list in place on the screen when chips appear or disappear above the panel.
 *
 * @param {PanelModel} model
 * @param {HTMLElement} panel
 * @param {HTMLElement} list
 */
function holdScroll(model, panel, list) {
  /** @type {number | null} */
  let top = null
  const remember = () => {
    top = list.getBoundingClientRect().top
  }
  panel.addEventListener("scroll", remember, { passive: true })
  const observer = new ResizeObserver(() => {
    if (panel.offsetHeight === 0) {
      top = null
      return
    }
    if (top !== null) {
      panel.scrollTop += list.getBoundingClientRect().top - top
    }
    remember()
  })
  observer.observe(panel)
  model.on("remove", () => observer.disconnect())
}

/**
 * Build the line that says what the charts count, with a switch that puts what stands out first.
 *
 * @param {PanelModel} model
 */
function partLine(model) {
  const caption = h("span", { class: "muted grow" })
  const title =
    "Sort values by how much larger their share of these images is than their share of all images. " +
    "Values of very few images come later."
  const toggle = h(
    "button",
    {
      type: "button",
      class: "switch",
      role: "switch",
      title,
      onclick: () => model.send_msg({ kind: "excess", on: !model.excess }),
    },
    h("span", { class: "knob" }),
    "Over-represented first",
  )
  const el = h("div", { class: "row counted" }, caption, toggle)
  const update = () => {
    el.hidden = model.caption === ""
    caption.textContent = model.caption
    toggle.setAttribute("aria-checked", String(model.excess))
    toggle.classList.toggle("on", model.excess)
  }
  model.on("caption", update)
  model.on("excess", update)
  update()
  return el
}

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  const list = h("div", { class: "facets" })
  /** @type {Map<string, ReturnType<typeof blockOf>>} */
  const blocks = new Map()
  /** @param {Facet} facet */
  const updateBlock = (facet) => {
    const known = blocks.get(facet.name)
    const block = known?.kind === facet.kind ? known : blockOf(model, facet)
    blocks.set(facet.name, block)
    block.update(facet)
    return block.el
  }
  const update = () => {
    /** @type {Facet[]} */
    const items = JSON.parse(model.items)
    arrange(list, items.map(updateBlock))
  }
  model.on("items", update)
  update()
  holdScroll(model, view.el, list)
  const news = draw(
    model,
    ["ready", "items"],
    () => {
      if (!model.ready) {
        return [h("div", { class: "muted wait", role: "status" }, "Counting the columns…")]
      }
      const nothing = "There is nothing to filter by: no column tells the images apart."
      return [model.items === "[]" && h("div", { class: "muted wait" }, nothing)]
    },
    "news",
  )
  return h("div", { class: "root" }, filterText(model), partLine(model), news, list)
}
