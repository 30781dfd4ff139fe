// Loads a long list page by page: the next page when the end of those that are here comes near.

import { h } from "../dom.js"

/** @import { Model } from "../types" */

/** More is loaded when the list's end is this near. */
const AHEAD = "600px"

/**
 * @typedef {object} PageProperties
 * @property {number} start the place of the first of `items` in the list
 * @property {number} turn changes with each page
 */

/**
 * A list that pages are added to.
 *
 * @typedef {object} PagedList
 * @property {() => number} total returns how long the list is
 * @property {() => number} loaded returns how many of it are here
 * @property {() => void} clear
 * @property {() => void} add adds the page that the model has
 */

/**
 * Load the pages of a list while its end is near. Return the element that stands at its end.
 *
 * @template {PageProperties} Properties
 * @param {Model<Properties>} model
 * @param {PagedList} list
 */
export function loadPages(model, { total, loaded, clear, add }) {
  const end = h("div", { class: "end", "aria-hidden": "true" })
  let asked = -1 // the start of the page that was requested last
  const observer = new IntersectionObserver(
    (entries) => {
      const start = loaded()
      if (entries.some((entry) => entry.isIntersecting) && start < total() && asked !== start) {
        asked = start
        model.send_msg({ kind: "more", start })
      }
    },
    { rootMargin: AHEAD },
  )
  const addPage = () => {
    if (model.start === 0) {
      clear()
      asked = -1
    }
    if (model.start !== loaded()) {
      return // the page was requested twice, or for an earlier list
    }
    add()
    observer.unobserve(end)
    observer.observe(end) // this calls again even if the end is still in view
  }
  model.on("turn", addPage)
  model.on("remove", () => observer.disconnect())
  if (model.start > 0) {
    model.send_msg({ kind: "more", start: 0 })
  } else {
    addPage()
  }
  return end
}
