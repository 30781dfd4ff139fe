// The cells of the results, fetched page by page, and the one of the image under the pointer on the map.

import { arrange, h } from "../dom.js"
import { roveFocus } from "../focus.js"
import { cardsIn, markOpenCard, resultCell } from "./cards.js"

/** @import { GalleryModel } from "./gallery.js" */
/** @import { ResultItem } from "../types" */

/** Milliseconds for which the pointer rests before a card is fetched for the image under it. */
const REST = 350

/** Frames until the heights of the cards that came into view are known. */
const SETTLING = 8

/** Milliseconds after the last touch of the list until nobody scrolls any more. */
const HANDS = 600

/** How near to the end of the list more results are fetched. */
const AHEAD = "600px"

/**
 * @param {GalleryModel} model
 * @param {HTMLElement} panel that scrolls
 * @returns {HTMLElement[]} the grid, and the end that is watched
 */
export function resultGrid(model, panel) {
  const grid = h("div", { class: "grid" })
  const end = h("div", { class: "end", "aria-hidden": "true" })
  const updateFocus = roveFocus(grid)
  /**
   * Cells by all that they show: one that another version shows in the same way stays as it is.
   *
   * @type {Map<string, HTMLElement>}
   */
  let cells = new Map()
  let count = 0
  /**
   * @param {ResultItem[]} items
   * @returns {[string, HTMLElement][]}
   */
  const cellsOf = (items) =>
    items.map((item) => {
      const key = JSON.stringify(item)
      return [key, cells.get(key) ?? resultCell(model, item)]
    })
  const observer = new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting) && model.query && count < model.listed) {
        model.send_msg({ kind: "more", have: count })
      }
    },
    { root: panel, rootMargin: AHEAD },
  )
  const watchEnd = () => {
    observer.unobserve(end)
    observer.observe(end) // calls again, also where the end is still in view
  }
  const markOpen = () => markOpenCard(grid, model.selected)
  const near = nearCard(model, grid, panel)
  const fill = () => {
    const shown = [...grid.children]
    cells = new Map(cellsOf(model.items))
    count = model.items.length
    arrange(
      grid,
      [...cells.values()].flatMap((cell) => [cell, ...unfoldedAfter(cell, shown)]),
    )
    updateFocus()
    markOpen()
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
    grid.append(...added.map(([, cell]) => cell))
    count += added.length
    markOpen()
    near.cardsCame()
    watchEnd()
  }
  model.on("items", fill)
  model.on("page", append)
  model.on("listed", watchEnd)
  model.on("selected", markOpen)
  model.on("remove", () => observer.disconnect())
  fill()
  return [grid, end]
}

/**
 * The unfolded cells that stand behind a cell: they stay with it.
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
 * Bring the card of the image under the pointer on the map into view, unless a person scrolls. A card that is not there yet
 * is asked for once the pointer rests: a pointer that sweeps over the map asks for nothing.
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
   * @param {number} again how often to look again: cards that come into view have another height than was guessed
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
    if (model.near === "" || !model.query || isScrolled()) {
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
  // "scroll" itself would not do: the page scrolls too.
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
