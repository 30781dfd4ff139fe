// The grid of results, loaded page by page. It also shows the card of the image under the pointer on the map.

import { arrange, h } from "../dom.js"
import { roveFocus } from "../focus.js"
import { formatNumber } from "../text.js"
import { cardsIn, markOpenCard, resultCell } from "./cards.js"
import { galleryTools } from "./gallery_tools.js"
import { markLabels } from "./label_marks.js"
import { pickCards } from "./pick_cards.js"
import { sharpImages } from "./sharp_images.js"

/** @import { GalleryModel } from "./gallery.js" */
/** @import { ResultItem } from "../types" */

/** The card of an image is loaded once the pointer has rested on it for this many milliseconds. */
const REST = 350

/** Frames until cards that scrolled into view have their final heights. */
const SETTLING = 8

/** A person is scrolling until this many milliseconds after they last touched the list. */
const HANDS = 600

/** More results are loaded when the list's end is this near. */
const AHEAD = "600px"

/**
 * @param {GalleryModel} model
 * @param {HTMLElement} panel that scrolls
 * @returns {HTMLElement[]} the tools, the grid, and the end that is watched
 */
export function resultGrid(model, panel) {
  const grid = h("div", { class: "grid" })
  const end = h("div", { class: "end", "aria-hidden": "true" })
  const updateFocus = roveFocus(grid)
  const picker = pickCards(model, grid)
  const sharpness = sharpImages(grid)
  const tools = galleryTools(model, grid, sharpness.resize)
  /**
   * Cells by their whole content. A cell with the same content in another version stays.
   *
   * @type {Map<string, HTMLElement>}
   */
  let cells = new Map()
  let count = 0
  let lastGroup = ""
  /**
   * @param {ResultItem[]} items
   * @returns {[string, HTMLElement][]}
   */
  const cellsOf = (items) =>
    items.map((item) => {
      const key = JSON.stringify(item)
      return [key, cells.get(key) ?? resultCell(model, item)]
    })
  /**
   * Return the heading before a card, if the card is the first of its group.
   *
   * @param {ResultItem | undefined} item
   */
  const headingBefore = (item) => {
    const group = item?.group
    if (group === undefined || group === lastGroup) {
      return []
    }
    lastGroup = group
    return [groupHeading(group, model.groups[group])]
  }
  const observer = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting) && count > 0 && count < model.listed) {
        model.send_msg({ kind: "more", have: count })
      }
    },
    { root: panel, rootMargin: AHEAD },
  )
  const watchEnd = () => {
    observer.unobserve(end)
    observer.observe(end) // this calls again even if the end is still in view
  }
  const mark = () => markLabels(grid, model.marks)
  model.on("marks", mark)
  const markOpen = () => markOpenCard(grid, model.selected)
  const near = nearCard(model, grid, panel)
  const fill = () => {
    const shown = [...grid.children]
    cells = new Map(cellsOf(model.items))
    count = model.items.length
    lastGroup = ""
    arrange(
      grid,
      [...cells.values()].flatMap((cell, i) => [
        ...headingBefore(model.items[i]),
        cell,
        ...unfoldedAfter(cell, shown),
      ]),
    )
    updateFocus()
    markOpen()
    picker.mark()
    mark()
    sharpness.update()
    watchEnd()
  }
  const append = () => {
    const { page } = model
    if (page.start !== count) {
      return
    }
    const added = cellsOf(page.items)
    for (const [key, cell] of added) {
      cells.set(key, cell)
    }
    grid.append(...added.flatMap(([, cell], i) => [...headingBefore(page.items[i]), cell]))
    count += added.length
    markOpen()
    picker.mark()
    mark()
    sharpness.update()
    near.cardsCame()
    watchEnd()
  }
  model.on("items", fill)
  model.on("page", append)
  model.on("listed", watchEnd)
  model.on("selected", markOpen)
  model.on("remove", () => observer.disconnect())
  fill()
  return [tools, grid, end]
}

/**
 * @param {string} group
 * @param {number | undefined} count
 */
function groupHeading(group, count = 0) {
  return h("h3", { class: "group-heading" }, group, h("span", { class: "muted" }, ` ${formatNumber(count)}`))
}

/**
 * Return the unfolded cells that follow a cell; they stay with it.
 *
 * @param {Element} cell
 * @param {Element[]} shown
 */
function unfoldedAfter(cell, shown) {
  const at = shown.indexOf(cell)
  if (at < 0) {
    return []
  }
  const stop = shown.findIndex((other, i) => i > at && !other.classList.contains("folded"))
  return shown.slice(at + 1, stop < 0 ? undefined : stop)
}

/**
 * Bring the card of the image under the pointer on the map into view, unless a person is scrolling. A missing
 * card is requested once the pointer rests, so that a sweep over the map requests nothing.
 *
 * @param {GalleryModel} model
 * @param {HTMLElement} grid
 * @param {HTMLElement} panel
 */
function nearCard(model, grid, panel) {
  let asked = ""
  let touchedAt = Number.NEGATIVE_INFINITY
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const isScrolled = () => performance.now() - touchedAt < HANDS
  /**
   * @param {HTMLElement} card
   * @param {number} again how often to repeat: cards that scroll into view change their estimated heights
   */
  const reveal = (card, again = SETTLING) => {
    if (card.dataset.id !== model.near || isScrolled()) {
      return
    }
    card.parentElement?.scrollIntoView({ block: "nearest" })
    if (again > 0) {
      requestAnimationFrame(() => reveal(card, again - 1))
    }
  }
  const show = () => {
    clearTimeout(timer)
    const meant = cardsIn(grid).filter((card) => {
      const isMeant = model.near !== "" && card.dataset.id === model.near
      card.classList.toggle("near", isMeant)
      return isMeant
    })
    if (model.near === "" || isScrolled()) {
      return
    }
    const card = meant.at(-1)
    if (card) {
      reveal(card)
      return
    }
    timer = setTimeout(() => {
      asked = model.near
      model.send_msg({ kind: "reach", id: asked })
    }, REST)
  }
  // The "scroll" event would not do: scripts scroll the list too.
  for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    const touched = () => {
      touchedAt = performance.now()
    }
    panel.addEventListener(name, touched, { passive: true })
  }
  model.on("near", show)
  model.on("remove", () => clearTimeout(timer))
  const cardsCame = () => {
    if (asked !== "" && asked === model.near) {
      show()
    }
  }
  return { cardsCame }
}
