// A block for each column to filter by. Blocks stay while what they show changes, and with them a focus, a drag and what is
// being typed.

import { arrange, draw, h } from "../dom.js"
import { histogram } from "../histogram.js"
import { formatNumber, formatValue } from "../text.js"
import { afterPause } from "../timing.js"

/** @import { Component, Facet, Model, ScaleFacet, TextFacet, ValueLine, ValuesFacet } from "../types" */

/** Values shown before "more" is pressed. */
const FIRST = 8

/** A column with more values than this has a field to search them. */
const MANY = 20

/** Milliseconds after the last letter until what is typed is sent. */
const TYPING = 180

/**
 * @typedef {object} Properties
 * @property {Facet[]} items
 * @property {boolean} ready whether the columns are counted
 */

/** @typedef {Model<Properties>} PanelModel */

/**
 * What a block shows below its title.
 *
 * @template {Facet} Kind
 * @typedef {{ el: HTMLElement, update: (facet: Kind) => void }} Body
 */

/** @param {string | null} value */
function nameOf(value) {
  return value === null ? "No value" : formatValue(value)
}

/**
 * The lines shown of a column's values: the first ones, those that its filter names, and, unless all are shown, no others.
 *
 * @param {ValuesFacet} facet
 * @param {boolean} showsAll
 */
export function shownLines({ lines, on, picks }, showsAll) {
  return lines.filter((line, i) => showsAll || i < FIRST || (on && line.on === picks))
}

/**
 * The width of a bar, as CSS.
 *
 * @param {number} count
 * @param {number} most that a bar counts
 */
export function barWidth(count, most) {
  return count > 0 ? `max(2px, ${100 * Math.min(1, count / most)}%)` : "0"
}

/**
 * A line that filters by its value, with how many images have it.
 *
 * @param {PanelModel} model
 * @param {string} column
 */
function valueLine(model, column) {
  const name = h("span", { class: "name" })
  const count = h("span", { class: "count" })
  const [wholeBar, nowBar] = [h("i"), h("i")]
  /** @type {string | null} */
  let value = null
  const el = h(
    "button",
    { type: "button", class: "value", onclick: () => model.send_msg({ kind: "toggle", column, value }) },
    h("span", { class: "fill" }, wholeBar, nowBar),
    name,
    count,
  )
  /**
   * @param {ValueLine} line
   * @param {number} most that a bar of this column counts
   * @param {boolean} isFiltered whether a filter on the column is in use
   */
  const update = (line, most, isFiltered) => {
    value = line.value
    const [now, whole] = [formatNumber(line.now), formatNumber(line.whole)]
    name.textContent = nameOf(value)
    count.replaceChildren(
      now,
      ...(line.now === line.whole ? [] : [h("span", { class: "of" }, ` / ${whole}`)]),
    )
    wholeBar.style.width = barWidth(line.whole, most)
    nowBar.style.width = barWidth(line.now, most)
    el.title = `${nameOf(value)}: ${now} of ${whole}`
    el.setAttribute("aria-pressed", String(isFiltered && line.on))
    el.classList.toggle("none", !value?.trim())
    el.classList.toggle("off", isFiltered && !line.on)
    el.classList.toggle("on", isFiltered && line.on)
    el.classList.toggle("zero", line.now === 0)
  }
  return { el, update }
}

/**
 * The line of the images without a value; hidden where there are none.
 *
 * @param {PanelModel} model
 * @param {string} column
 */
function missingLine(model, column) {
  const line = valueLine(model, column)
  /**
   * @param {Facet} facet
   * @param {number} most that a bar of this column counts
   */
  const update = ({ missing, on }, most = 1) => {
    line.el.hidden = !missing.whole
    if (missing.whole) {
      line.update(missing, Math.max(most, missing.whole), on)
    }
  }
  return { el: line.el, update }
}

/**
 * A field that says what is typed into it after a pause.
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
 * The values of a column, the commonest first, and a field that searches them where they are many.
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
    more.hidden = rest <= 0 || facet.part !== ""
    more.textContent = showsAll ? "Show fewer" : `${formatNumber(rest)} more`
    more.setAttribute("aria-expanded", String(showsAll))
    empty.hidden = facet.lines.length > 0
  }
  return { el: h("div", {}, find, list, empty, more), update }
}

/**
 * The histogram of a column of numbers or times.
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
 * A field for what a text contains. While a person types, what they type stays.
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
 * The body for a kind of column. A block is only ever updated with a facet of its kind.
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
 * A block: the column's title, its filter in words, and the body.
 *
 * @param {PanelModel} model
 * @param {Facet} facet
 */
function blockOf(model, facet) {
  const body = bodyOf(model, facet)
  const words = h("span", { class: "words" })
  const heading = h("div", { class: "row title" }, h("h3", { class: "grow" }, facet.title), words)
  const el = h("section", { class: "facet", "aria-label": facet.title }, heading, body.el)
  /** @param {Facet} next */
  const update = (next) => {
    words.textContent = next.words ?? ""
    el.classList.toggle("used", next.on)
    body.update(/** @type {never} */ (next))
  }
  return { el, kind: facet.kind, update }
}

/**
 * Keep what is under the pointer where it is when chips come or go above the panel.
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
  const update = () => arrange(list, model.items.map(updateBlock))
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
      return [model.items.length === 0 && h("div", { class: "muted wait" }, nothing)]
    },
    "news",
  )
  return h("div", { class: "root" }, news, list)
}
