// Selects images in a grid, as files are selected in a folder: Ctrl and a click for one, Shift and a click for
// all from the last one on; Space, Shift with the arrow keys and Ctrl+A do so by keyboard.

import { cardsIn } from "./cards.js"

/** @import { GalleryModel } from "./gallery.js" */

/**
 * @param {GalleryModel} model
 * @param {HTMLElement} grid
 */
export function pickCards(model, grid) {
  let anchor = "" // the id of the image that a range begins with
  /** @param {Event} event */
  const idOf = (event) => {
    const card = event.target instanceof Element ? event.target.closest(".card") : null
    return card instanceof HTMLElement ? (card.dataset.id ?? "") : ""
  }
  /** @param {string} id */
  const pick = (id) => {
    anchor = id
    model.send_msg({ kind: "pick", id })
  }
  /** @param {string} id */
  const pickRange = (id) => {
    anchor ||= cardsIn(grid)[0]?.dataset.id ?? id
    model.send_msg({ kind: "pick_range", start: anchor, id })
  }
  /** @param {MouseEvent} event */
  const onclick = (event) => {
    const id = idOf(event)
    if (id === "") {
      return
    }
    if (event.shiftKey) {
      pickRange(id)
    } else if (event.ctrlKey || event.metaKey) {
      pick(id)
    } else {
      anchor = id
      return
    }
    event.preventDefault()
    event.stopPropagation()
  }
  /** @param {KeyboardEvent} event */
  const onkeydown = (event) => {
    const id = idOf(event)
    if (event.key === " " && id !== "") {
      pick(id)
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      model.send_msg({ kind: "select", what: "all" })
    } else {
      if (event.shiftKey && event.key.startsWith("Arrow")) {
        anchor ||= id
        requestAnimationFrame(() => extend()) // once the focus is on the next card
      }
      return
    }
    event.preventDefault()
    event.stopPropagation()
  }
  const extend = () => {
    const root = grid.getRootNode()
    const focused = root instanceof ShadowRoot ? root.activeElement : null
    if (focused instanceof HTMLElement && focused.dataset.id) {
      pickRange(focused.dataset.id)
    }
  }
  grid.addEventListener("click", onclick, true)
  grid.addEventListener("keydown", onkeydown, true)
  const mark = () => {
    const chosen = new Set(model.chosen)
    for (const card of cardsIn(grid)) {
      const isChosen = chosen.has(card.dataset.id ?? "")
      card.classList.toggle("chosen", isChosen)
      card.toggleAttribute("data-chosen", isChosen)
    }
  }
  model.on("chosen", mark)
  return { mark }
}
