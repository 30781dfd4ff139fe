// The grid of the selection, loaded page by page.

import { h } from "../dom.js"
import { roveFocus } from "../focus.js"
import { imageCard, markOpenCard, similarityFigure } from "./cards.js"

/** @import { ImageItem } from "../types" */
/** @import { SelectionModel } from "./selection_panel.js" */

/** More images are loaded when the grid's end is this near. */
const AHEAD = "600px"

/**
 * @param {SelectionModel} model
 * @returns {HTMLElement[]} the grid, and the end that is watched
 */
export function selectionGallery(model) {
  const grid = h("div", { class: "grid" })
  const end = h("div", { class: "end", "aria-hidden": "true" })
  const updateFocus = roveFocus(grid)
  let asked = -1 // the start of the page that was requested last
  /** @param {ImageItem} item */
  const card = (item) =>
    imageCard(
      model,
      item,
      { class: `card${item.id === model.selected ? " on" : ""}`, tabindex: "-1" },
      ...similarityFigure(item.similarity),
    )
  const observer = new IntersectionObserver(
    (entries) => {
      const start = grid.children.length
      if (entries.some((entry) => entry.isIntersecting) && start < model.count && asked !== start) {
        asked = start
        model.send_msg({ kind: "more", start })
      }
    },
    { rootMargin: AHEAD },
  )
  const watchEnd = () => {
    observer.unobserve(end)
    observer.observe(end) // this calls again even if the end is still in view
  }
  const addPage = () => {
    if (model.start === 0) {
      grid.replaceChildren()
      asked = -1
    }
    if (model.start !== grid.children.length) {
      return // the page was requested twice, or for an earlier selection
    }
    grid.append(...model.items.map(card))
    updateFocus()
    watchEnd()
  }
  const markOpen = () => markOpenCard(grid, model.selected)
  model.on("turn", addPage)
  model.on("selected", markOpen)
  model.on("remove", () => observer.disconnect())
  if (model.start > 0) {
    model.send_msg({ kind: "more", start: 0 })
  } else {
    addPage()
  }
  return [grid, end]
}
