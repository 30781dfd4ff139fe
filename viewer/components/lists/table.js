// The table of the listed images. Only the rows near the part in view are here: the others are asked for when a
// person scrolls to them. Their height is fixed, so that a million rows need no more than their number.

import { arrange, copyText, h, ICONS, icon, onChange } from "../dom.js"
import { checkedEntry, dropMenu, menuEntry, menuPart } from "../menu.js"
import { recall, remember } from "../storage.js"
import { basePath, countImages, formatNumber } from "../text.js"
import { thumbnailFrame } from "../thumbnail.js"
import { afterPause, batched } from "../timing.js"

/** @import { Component, ImageItem, Message, Model } from "../types" */

/** @typedef {ImageItem & { cells: string[] }} Row */

/**
 * @typedef {object} Properties
 * @property {number} total
 * @property {number} list_number changes with the list
 * @property {[string, string, boolean][]} columns name, title and whether it sorts, of each column in view
 * @property {[string, string][]} choices name and title of every column
 * @property {string} sort
 * @property {boolean} ascending
 * @property {{ start?: number, rows?: Row[], list?: number }} window
 * @property {string[]} chosen
 * @property {string} selected
 * @property {string} near
 * @property {number} near_at
 * @property {{ token?: string, count?: number }} offered
 */

/** @typedef {Model<Properties>} TableModel */

const ROW = 44 // pixels
/** Browsers draw no element that is much higher than this. A longer list moves faster than the scroll bar. */
const TALLEST = 12_000_000
const AROUND = 24 // rows above and below the part in view that are kept here
const PAUSE = 60 // milliseconds until rows are asked for, while a person scrolls
const STORED = "clipper-table-columns"
const COLUMNS = "M4 5h16v14H4zM9.500 5v14M14.500 5v14"

/**
 * Return the row at the top of the part in view.
 *
 * @param {number} scrolled pixels
 * @param {number} total rows
 * @param {number} height of the part in view, in pixels
 */
export function firstRow(scrolled, total, height) {
  const whole = total * ROW
  if (whole <= TALLEST) {
    return scrolled / ROW
  }
  return (scrolled / Math.max(TALLEST - height, 1)) * Math.max(total - height / ROW, 0)
}

/**
 * Return how far to scroll so that a row is at the top: the inverse of `firstRow`.
 *
 * @param {number} row
 * @param {number} total
 * @param {number} height
 */
export function scrollFor(row, total, height) {
  if (total * ROW <= TALLEST) {
    return row * ROW
  }
  return (row / Math.max(total - height / ROW, 1)) * Math.max(TALLEST - height, 1)
}

/** @param {Component<Properties>} component */
export function render({ model }) {
  const body = h("div", { class: "rows", role: "rowgroup" })
  const spacer = h("div", { class: "spacer", "aria-hidden": "true" })
  const head = h("div", { class: "head", role: "row" })
  const grid = h(
    "div",
    { class: "grid", role: "grid", tabindex: "0", "aria-label": "Images" },
    head,
    body,
    spacer,
  )
  const says = h("div", { class: "muted grow", role: "status" })
  const nothing = h("div", { class: "muted nothing" }, "No image is listed")
  /** @type {Map<number, Row>} */
  const rows = new Map()
  /** @type {Map<string, HTMLElement>} */
  const elements = new Map()
  let listNumber = model.list_number
  let active = 0
  let anchor = ""

  const height = () => grid.clientHeight - head.offsetHeight
  const visible = () => {
    const first = firstRow(grid.scrollTop, model.total, height())
    const start = Math.max(Math.floor(first) - AROUND, 0)
    const stop = Math.min(Math.ceil(first + height() / ROW) + AROUND, model.total)
    return { first, start, stop }
  }
  const draw = () => {
    const { first, start, stop } = visible()
    const chosen = new Set(model.chosen)
    /** @type {HTMLElement[]} */
    const shown = []
    for (let at = start; at < stop; at++) {
      const row = rows.get(at)
      if (row) {
        const el = elements.get(row.id) ?? rowElement(row)
        elements.set(row.id, el)
        el.style.transform = `translateY(${grid.scrollTop + (at - first) * ROW}px)`
        el.setAttribute("aria-rowindex", String(at + 2))
        el.classList.toggle("chosen", chosen.has(row.id))
        el.setAttribute("aria-selected", String(chosen.has(row.id)))
        el.classList.toggle("open", row.id === model.selected)
        el.classList.toggle("near", row.id === model.near)
        el.classList.toggle("active", at === active)
        el.classList.toggle("odd", at % 2 === 1)
        el.dataset.at = String(at)
        shown.push(el)
      }
    }
    arrange(body, shown)
  }
  /** @param {Row} row */
  const rowElement = (row) =>
    h(
      "div",
      { class: "row", role: "row", "data-id": row.id, title: row.label },
      h(
        "div",
        { class: "cell image", role: "gridcell" },
        thumbnailFrame(row, { loading: "lazy", decoding: "async" }),
        h("span", { class: "label" }, row.label),
      ),
      row.cells.map((text) => h("div", { class: "cell", role: "gridcell", title: text }, text)),
    )
  const ask = afterPause(() => {
    const { start, stop } = visible()
    const missing = Array.from({ length: stop - start }, (_, i) => start + i).filter((at) => !rows.has(at))
    const [first, last] = [missing[0], missing.at(-1)]
    if (first !== undefined && last !== undefined) {
      model.send_msg({ kind: "window", start: first, count: last - first + 1 })
    }
  }, PAUSE)
  const scrolled = () => {
    draw()
    ask()
  }
  const receive = () => {
    const { start = 0, rows: sent = [], list } = model.window
    if (list !== model.list_number) {
      return
    }
    if (listNumber !== list) {
      listNumber = list
      rows.clear()
      elements.clear()
    }
    sent.forEach((row, i) => {
      rows.set(start + i, row)
    })
    draw()
  }
  const begin = () => {
    if (model.list_number !== listNumber) {
      rows.clear()
      elements.clear()
      listNumber = model.list_number
    }
    spacer.style.height = `${Math.min(model.total * ROW, TALLEST)}px`
    grid.setAttribute("aria-rowcount", String(model.total + 1))
    grid.style.setProperty("--count", String(model.columns.length))
    says.textContent = countImages(model.total)
    nothing.hidden = model.total > 0
    active = Math.min(active, Math.max(model.total - 1, 0))
    head.replaceChildren(
      h("div", { class: "cell", role: "columnheader" }, "Image"),
      ...model.columns.map((column) => headerCell(model, column)),
    )
    scrolled()
  }

  // What a person does
  /** @param {Event} event */
  const rowOf = (event) => {
    const el = event.target instanceof Element ? event.target.closest("[data-id]") : null
    return el instanceof HTMLElement ? { id: el.dataset.id ?? "", at: Number(el.dataset.at) } : null
  }
  /** @param {string} id */
  const pickRange = (id) => {
    anchor ||= id
    model.send_msg({ kind: "pick_range", start: anchor, id })
  }
  /** @param {MouseEvent} event */
  const click = (event) => {
    const row = rowOf(event)
    if (!row) {
      return
    }
    active = row.at
    if (event.shiftKey) {
      pickRange(row.id)
    } else if (event.ctrlKey || event.metaKey) {
      anchor = row.id
      model.send_msg({ kind: "pick", id: row.id })
    } else {
      anchor = row.id
      model.send_msg({ kind: "open", id: row.id })
    }
    draw()
  }
  let pointed = ""
  /** @param {string} id */
  const point = (id) => {
    if (id !== pointed) {
      pointed = id
      model.send_msg({ kind: "point", id: id || null })
    }
  }
  /** @param {number} at */
  const goTo = (at) => {
    active = Math.min(Math.max(at, 0), model.total - 1)
    const first = firstRow(grid.scrollTop, model.total, height())
    const fit = Math.floor(height() / ROW) - 1
    if (active < first) {
      grid.scrollTop = scrollFor(active, model.total, height())
    } else if (active > first + fit) {
      grid.scrollTop = scrollFor(active - fit, model.total, height())
    }
    draw()
  }
  /**
   * Return the row that a key leads to; undefined for any other key.
   *
   * @param {string} key
   */
  const rowAfterKey = (key) => {
    const page = Math.max(Math.floor(height() / ROW) - 1, 1)
    /** @type {Record<string, number>} */
    const moves = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: model.total - 1,
    }
    return moves[key]
  }
  /**
   * @param {number} to
   * @param {boolean} isRange whether the rows on the way are selected
   */
  const walk = (to, isRange) => {
    anchor ||= rows.get(active)?.id ?? ""
    goTo(to)
    const now = rows.get(active)?.id ?? ""
    if (isRange && now) {
      pickRange(now)
    } else {
      anchor = now
    }
  }
  /**
   * Return what a key does to the row that the keyboard is at, and to the whole list; undefined for other keys.
   *
   * @param {KeyboardEvent} event
   */
  const actOf = ({ key, ctrlKey, metaKey, shiftKey }) => {
    const id = rows.get(active)?.id ?? ""
    if (ctrlKey || metaKey) {
      /** @type {Record<string, Message>} */
      const kinds = { a: { kind: "select", what: "all" }, c: { kind: "copy" } }
      const message = key === "c" && !getSelection()?.isCollapsed ? undefined : kinds[key]
      return message && (() => model.send_msg(message))
    }
    const to = rowAfterKey(key)
    if (to !== undefined) {
      return () => walk(to, shiftKey)
    }
    const kind = { Enter: "open", " ": "pick" }[key]
    return kind && id ? () => model.send_msg({ kind, id }) : undefined
  }
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    const act = actOf(event)
    if (act) {
      act()
      event.preventDefault()
      event.stopPropagation()
    }
  }
  grid.addEventListener("scroll", scrolled, { passive: true })
  grid.addEventListener("click", click)
  grid.addEventListener("keydown", press)
  grid.addEventListener("mousemove", (event) => point(rowOf(event)?.id ?? ""))
  grid.addEventListener("mouseleave", () => point(""))

  const observer = new ResizeObserver(scrolled)
  observer.observe(grid)
  model.on("remove", () => observer.disconnect())
  model.on("window", receive)
  onChange(model, ["total", "list_number", "columns", "sort", "ascending"], batched(begin))
  onChange(model, ["chosen", "selected"], draw)
  model.on("near", () => {
    draw()
    if (model.near && model.near_at >= 0 && !grid.matches(":hover, :focus-within")) {
      grid.scrollTop = scrollFor(Math.max(model.near_at - 2, 0), model.total, height())
    }
  })
  model.on("offered", async () => {
    const { token = "", count = 0 } = model.offered
    const copied = await copyTable(token).catch(() => false)
    says.textContent = copied
      ? `${countImages(count)} copied as a table`
      : "The browser did not let them be copied"
  })
  const stored = readStored()
  if (stored.length > 0) {
    model.send_msg({ kind: "columns", names: stored })
  }
  begin()
  return h(
    "div",
    { class: "root" },
    h("div", { class: "row tools" }, says, copyButton(model), columnMenu(model)),
    grid,
    nothing,
  )
}

/** @param {string} token of the copy that the server offers */
async function copyTable(token) {
  const answer = await fetch(`${basePath()}/export/${token}`)
  return answer.ok && copyText(await answer.text())
}

/** Return the columns that this browser showed last, [] if it has none. */
function readStored() {
  try {
    const names = JSON.parse(recall(STORED) ?? "[]")
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : []
  } catch {
    return []
  }
}

/**
 * Show these columns, in this order, now and on the next visit.
 *
 * @param {TableModel} model
 * @param {string[]} names
 */
function chooseColumns(model, names) {
  remember(STORED, JSON.stringify(names))
  model.send_msg({ kind: "columns", names })
}

/**
 * Build the head of a column: a press sorts by it, and a drag moves it.
 *
 * @param {TableModel} model
 * @param {[string, string, boolean]} column
 */
function headerCell(model, [name, title, sorts]) {
  const isSorted = sorts && model.sort === name
  const order = model.ascending ? "ascending" : "descending"
  const label = [title, isSorted ? ` ${model.ascending ? "↑" : "↓"}` : ""]
  return h(
    "div",
    {
      class: "cell",
      role: "columnheader",
      "aria-sort": isSorted ? order : "none",
      draggable: "true",
      ondragstart: (event) => event.dataTransfer?.setData("text/x-clipper-column", name),
      ondragover: (event) => event.preventDefault(),
      ondrop: (event) => {
        const moved = event.dataTransfer?.getData("text/x-clipper-column")
        if (moved && moved !== name) {
          const rest = model.columns.map(([other]) => other).filter((other) => other !== moved)
          rest.splice(rest.indexOf(name), 0, moved)
          chooseColumns(model, rest)
        }
      },
    },
    sorts
      ? h(
          "button",
          {
            type: "button",
            title: `Sort by ${title}`,
            onclick: () =>
              model.send_msg({ kind: "sort", column: name, ascending: isSorted ? !model.ascending : true }),
          },
          label,
        )
      : title,
  )
}

/** @param {TableModel} model */
function copyButton(model) {
  const attributes = {
    class: "action quiet",
    type: /** @type {const} */ ("button"),
    title: "Copy the selected rows, or all, with tabs between their cells (Ctrl+C)",
    onclick: () => model.send_msg({ kind: "copy" }),
  }
  return h("button", attributes, icon(ICONS.copy), "Copy")
}

/**
 * Build the menu that chooses columns and moves them.
 *
 * @param {TableModel} model
 */
function columnMenu(model) {
  const list = h("div", { class: "right tall" })
  const label = "Choose columns"
  const menu = dropMenu({ class: "square", title: label, "aria-label": label }, [icon(COLUMNS)], list)
  const update = () => {
    const shown = model.columns.map(([name]) => name)
    list.replaceChildren(
      menuPart(
        `${formatNumber(shown.length)} of ${formatNumber(model.choices.length)} columns`,
        ...model.choices.map(([name, title]) => {
          const isOn = shown.includes(name)
          return checkedEntry("menuitemcheckbox", title, isOn, () =>
            chooseColumns(model, isOn ? shown.filter((other) => other !== name) : [...shown, name]),
          )
        }),
      ),
      menuEntry("The first columns again", () => {
        menu.close()
        chooseColumns(model, [])
      }),
    )
  }
  onChange(model, ["columns", "choices"], batched(update))
  update()
  return menu.el
}
