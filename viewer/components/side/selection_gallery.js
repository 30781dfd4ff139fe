// The grid of the selection, loaded page by page.

import { h } from "../dom.js"
import { roveFocus } from "../focus.js"
import { imageCard, markOpenCard, similarityFigure, valueFigure } from "./cards.js"
import { loadPages } from "./pages.js"

/** @import { ImageItem } from "../types" */
/** @import { SelectionModel } from "./selection_panel.js" */

/**
 * @param {SelectionModel} model
 * @returns {HTMLElement[]} the grid, and the end that is watched
 */
export function selectionGallery(model) {
  const grid = h("div", { class: "grid" })
  const updateFocus = roveFocus(grid)
  /** @param {ImageItem} item */
  const card = (item) =>
    imageCard(
      model,
      item,
      { class: `card${item.id === model.selected ? " on" : ""}`, tabindex: "-1" },
      ...similarityFigure(item.similarity),
      ...valueFigure(item.value),
    )
  const end = loadPages(model, {
    total: () => model.count,
    loaded: () => grid.children.length,
    clear: () => grid.replaceChildren(),
    add: () => {
      grid.append(...model.items.map(card))
      updateFocus()
    },
  })
  model.on("selected", () => markOpenCard(grid, model.selected))
  return [grid, end]
}
