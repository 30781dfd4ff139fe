// Finds elements of the page from within a component, through every shadow root.

/** @import { Figure, MapPane } from "./types" */

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
 * Return the element of the page's map, not that of a map beside it; null before the page is laid out.
 *
 * @returns {MapPane | null}
 */
export function findMapPane() {
  return findByClass(document, "clipper-map")
}

/**
 * Return the element of the map that something lies over; null before both are laid out.
 *
 * @param {Element} over
 * @returns {MapPane | null}
 */
export function mapPaneBelow(over) {
  for (const root of rootsAbove(over)) {
    const found = findByClass(root, "clipper-map")
    if (found) {
      return found
    }
  }
  return null
}

/**
 * Return the element of a figure's map; null before it is laid out.
 *
 * @param {Figure} figure
 * @returns {MapPane | null}
 */
export function mapPaneOf(figure) {
  const el = Bokeh.index.find_one(figure)?.el
  if (!el) {
    return null
  }
  const hosts = rootsAbove(el).map((root) => (root instanceof ShadowRoot ? root.host : null))
  const found = [el, ...hosts].find((each) => each?.classList.contains("clipper-map"))
  return /** @type {MapPane | null} */ (found ?? null)
}

/**
 * Return the shadow roots that an element lies in, the innermost first, and the document.
 *
 * @param {Element} el
 */
function rootsAbove(el) {
  /** @type {(ShadowRoot | Document)[]} */
  const roots = []
  let root = el.getRootNode()
  while (root instanceof ShadowRoot) {
    roots.push(root)
    root = root.host.getRootNode()
  }
  return root instanceof Document ? [...roots, root] : roots
}
