// Finds elements of the page from within a component, through every shadow root.

/** @import { MapPane } from "./types" */

/**
 * Return the first element below `root` that has a class; null if there is none.
 *
 * @param {ParentNode} root
 * @param {string} className
 * @returns {HTMLElement | null}
 */
export function findByClass(root, className) {
  for (const el of root.querySelectorAll("*")) {
    if (el instanceof HTMLElement && el.classList.contains(className)) {
      return el
    }
    const found = el.shadowRoot && findByClass(el.shadowRoot, className)
    if (found) {
      return found
    }
  }
  return null
}

/**
 * Return the element of the map; null before the page is laid out.
 *
 * @returns {MapPane | null}
 */
export function findMapPane() {
  return findByClass(document, "clipper-map")
}
