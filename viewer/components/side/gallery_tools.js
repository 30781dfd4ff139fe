// The line above the grid: how large the images are, what sorts and groups them, and a menu that selects.

import { draw, h, icon } from "../dom.js"
import { dropMenu, menuEntry } from "../menu.js"
import { recall, remember } from "../storage.js"
import { countImages, formatNumber } from "../text.js"

/** @import { GalleryModel } from "./gallery.js" */

/** The shorter side of a card in pixels: the smallest, the largest and the usual one. */
const SMALLEST = 44
const LARGEST = 420
const USUAL = 92

/** Below this size, in pixels, cards show images alone. */
const BARE = 76

/** Where the browser remembers the size. */
const STORED = "clipper-card-size"

/** How many images the menu offers to select from the beginning of the list. */
const FIRST = [10, 100, 1000]

const SELECT = "M4 6h4v4H4zM4 14h4v4H4zM12 8h8M12 16h8"
const LABEL = "M4 5v6.500l8.500 8.500 7-7L11 4.500H5A.500.500 0 004 5zM8 8.500h.01"
const UP = "M12 19V5M6 11l6-6 6 6"
const DOWN = "M12 5v14M6 13l6 6 6-6"

/**
 * A slider's step is a ratio: from 50 to 60 pixels is as far as from 200 to 240.
 *
 * @param {number} size in pixels
 */
export function sliderOf(size) {
  return Math.round((100 * Math.log(size / SMALLEST)) / Math.log(LARGEST / SMALLEST))
}

/** @param {number} at from 0 to 100 */
export function sizeOf(at) {
  return Math.round(SMALLEST * (LARGEST / SMALLEST) ** (at / 100))
}

/** Return the size that the browser remembers. */
export function storedSize() {
  const size = Number(recall(STORED) ?? USUAL)
  return size >= SMALLEST && size <= LARGEST ? size : USUAL
}

/**
 * Whether a column's largest values come first until a person turns the order around.
 *
 * @param {string | undefined} kind of the column
 */
export function isScale(kind) {
  return kind === "number" || kind === "time"
}

/**
 * @param {GalleryModel} model
 * @param {HTMLElement} grid
 * @param {(size: number) => void} onSize called with the size of the cards in pixels
 */
export function galleryTools(model, grid, onSize) {
  const slider = h("input", {
    type: "range",
    class: "size",
    min: "0",
    max: "100",
    value: String(sliderOf(storedSize())),
    "aria-label": "Size of the images",
    title: "Size of the images",
  })
  /** @param {number} size */
  const resize = (size) => {
    grid.style.setProperty("--card", `${size}px`)
    grid.classList.toggle("bare", size < BARE)
    onSize(size)
  }
  slider.addEventListener("input", () => {
    const size = sizeOf(Number(slider.value))
    remember(STORED, String(size))
    resize(size)
  })
  resize(storedSize())
  return h(
    "div",
    { class: "gallery-tools" },
    draw(model, ["order", "query"], () => [sortField(model), groupField(model)], "order"),
    h("div", { class: "row grow" }, slider, labelButton(model), selectMenu(model)),
  )
}

/** @param {GalleryModel} model */
function sortField(model) {
  const { sort, ascending, sortable = [] } = model.order
  const first = model.query ? "similarity" : "a mixture"
  const select = h(
    "select",
    {
      class: "field sort",
      "aria-label": "Sort by",
      onchange: () => {
        const kind = sortable.find(([name]) => name === select.value)?.[2] ?? ""
        model.send_msg({ kind: "sort", column: select.value, ascending: !isScale(kind) })
      },
    },
    [["", first], ...sortable].map(([name, title]) =>
      h("option", { value: name, selected: name === sort }, title),
    ),
  )
  const words = ascending ? "Smallest first" : "Largest first"
  const turn = h(
    "button",
    {
      type: "button",
      class: "square",
      title: `${words}: turn around`,
      "aria-label": `${words}: turn the order around`,
      onclick: () => model.send_msg({ kind: "sort", column: sort, ascending: !ascending }),
    },
    icon(ascending ? UP : DOWN),
  )
  const clock = model.order.clock && h("small", { class: "muted" }, model.order.clock)
  return h(
    "label",
    { class: "row" },
    h("span", { class: "muted" }, "Sort"),
    select,
    sort ? turn : null,
    clock,
  )
}

/** @param {GalleryModel} model */
function groupField(model) {
  const { group, groupable = [] } = model.order
  const select = h(
    "select",
    {
      class: "field sort",
      "aria-label": "Group by",
      onchange: () => model.send_msg({ kind: "group", column: select.value }),
    },
    [["", "none"], ...groupable].map(([name, title]) =>
      h("option", { value: name, selected: name === group }, title),
    ),
  )
  return groupable.length > 0 && h("label", { class: "row" }, h("span", { class: "muted" }, "Group"), select)
}

/** @param {GalleryModel} model */
function labelButton(model) {
  const label = "Label images by keys"
  const button = h(
    "button",
    {
      class: "square",
      type: "button",
      title: `${label} (T)`,
      "aria-label": label,
      onclick: () => model.send_msg({ kind: "labelling" }),
    },
    icon(LABEL),
  )
  const update = () => button.setAttribute("aria-pressed", String(model.labelling))
  model.on("labelling", update)
  update()
  return button
}

/** @param {GalleryModel} model */
function selectMenu(model) {
  const list = h("div", { class: "right" })
  const label = "Select images of this list"
  const menu = dropMenu({ class: "square", title: label, "aria-label": label }, [icon(SELECT)], list)
  /**
   * @param {string} words
   * @param {"all" | "none" | "invert" | "first"} what
   * @param {{ count?: number }} how
   */
  const entry = (words, what, how = {}) =>
    menuEntry(words, () => {
      menu.close()
      model.send_msg({ kind: "select", what, ...how })
    })
  let shown = ""
  const update = () => {
    const count = model.listed || model.total
    // In groups, and within the selection, the first images are others than those of the order alone.
    const first = model.order.group || model.only_selection ? [] : FIRST.filter((some) => some < count)
    if (shown === `${count} ${first}`) {
      return // an open menu would close
    }
    shown = `${count} ${first}`
    list.replaceChildren(
      entry(`Select ${countImages(count)}`, "all"),
      ...first.map((some) => entry(`Select the first ${formatNumber(some)}`, "first", { count: some })),
      entry("Select none", "none"),
      entry("Swap selected and not selected", "invert"),
    )
  }
  for (const name of /** @type {const} */ (["listed", "total", "order", "only_selection"])) {
    model.on(name, update)
  }
  update()
  return menu.el
}
