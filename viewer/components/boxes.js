// The boxes of an image's objects, drawn over its picture; and the switch that shows and hides them everywhere.

import { h, svg } from "./dom.js"
import { recall, remember } from "./storage.js"
import { objectsUrl } from "./text.js"

/** @import { ImageItem } from "./types" */

/**
 * A box in shares of the upright image.
 *
 * @typedef {object} Box
 * @property {string} name its category
 * @property {string} color
 * @property {number} left
 * @property {number} top
 * @property {number} width
 * @property {number} height
 * @property {boolean} crowd whether it holds a group of objects
 * @property {number} [score] the confidence of a detector
 */

/** Where the browser remembers the choice, and the event that tells all pictures of a page. */
const STORED = "clipper-boxes"
const CHANGED = "clipper-boxes"
/** Pixels of the names' letters, and of the space between a box and its name. */
const LETTERS = 12
const GAP = 3
/** Names are written while an image has at most so many boxes. */
const MOST_NAMES = 100

/** Whether boxes are shown. */
export function areShown() {
  return recall(STORED) !== "off"
}

/**
 * Return boxes as words, for those who do not see them: "3 objects: 2 cat, 1 dog".
 *
 * @param {Pick<Box, "name">[]} boxes
 */
export function inWords(boxes) {
  /** @type {Map<string, number>} */
  const counts = new Map()
  for (const { name } of boxes) {
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const parts = [...counts].map(([name, count]) => `${count} ${name}`)
  return `${boxes.length} ${boxes.length === 1 ? "object" : "objects"}: ${parts.join(", ")}`
}

/**
 * Build a layer over an image that lies at the same place and has the same size. Its boxes come from the server.
 *
 * @param {ImageItem} item
 * @param {HTMLImageElement} image whose pixels fit into it as a whole
 * @param {AbortSignal} signal
 * @param {{ names?: boolean }} [options]
 */
export function boxLayer(item, image, signal, { names = true } = {}) {
  const el = svg("svg", { class: "boxes", preserveAspectRatio: "xMidYMid meet" })
  /** @type {Box[]} */
  let boxes = []
  let scale = 1
  const update = () => {
    el.style.display = boxes.length > 0 && areShown() ? "" : "none"
  }
  // The picture and its thumbnail have one shape; which of them is there does not matter.
  const fit = () => {
    const { naturalWidth: width, naturalHeight: height, clientWidth, clientHeight } = image
    if (width > 0 && clientWidth > 0) {
      el.setAttribute("viewBox", `0 0 ${width} ${height}`)
      const pixel = Math.max(width / clientWidth, height / Math.max(clientHeight, 1)) / scale
      el.style.setProperty("--pixel", `${pixel}px`)
    }
  }
  const build = () => {
    const { naturalWidth: width, naturalHeight: height } = image
    if (width === 0) {
      return
    }
    fit()
    const withNames = names && boxes.length <= MOST_NAMES
    el.replaceChildren(...boxes.flatMap((box) => outline(box, width, height, withNames)))
    update()
  }
  const load = async () => {
    const answer = await fetch(objectsUrl(item), { signal })
    if (!answer.ok) {
      return
    }
    boxes = (await answer.json()).boxes
    if (boxes.length > 0) {
      el.setAttribute("role", "img")
      el.setAttribute("aria-label", inWords(boxes))
    }
    build()
  }
  update()
  if (item.boxes) {
    const resized = new ResizeObserver(fit)
    image.addEventListener("load", build, { signal })
    window.addEventListener(CHANGED, update, { signal })
    resized.observe(image)
    signal.addEventListener("abort", () => resized.disconnect(), { once: true })
    load().catch(() => undefined) // the picture is there without its boxes
  }
  /**
   * Follow an image that is enlarged and moved. Names keep their size.
   *
   * @param {string} transform
   * @param {number} to its scale
   */
  const put = (transform, to) => {
    scale = to
    el.style.transform = transform
    fit()
  }
  return { el, put }
}

/**
 * @param {Box} box
 * @param {number} width of the picture, in its pixels
 * @param {number} height
 * @param {boolean} named
 */
function outline(box, width, height, named) {
  const [x, y] = [box.left * width, box.top * height]
  const shape = {
    x: String(x),
    y: String(y),
    width: String(box.width * width),
    height: String(box.height * height),
  }
  const under = svg("rect", { ...shape, class: "under" })
  const rect = svg("rect", { ...shape, stroke: box.color, class: box.crowd ? "crowd" : "" })
  if (!named) {
    return [under, rect]
  }
  const words = svg("text", { x: String(x), y: String(y) })
  words.textContent = box.score === undefined ? box.name : `${box.name} ${Math.round(box.score * 100)}%`
  // Above the box, or inside of it at the picture's upper edge.
  words.style.setProperty("--down", box.top < 0.05 ? String(LETTERS + GAP) : String(-GAP))
  return [under, rect, words]
}

/**
 * Build the switch. All switches and pictures of a page follow each other, and the browser remembers the choice.
 *
 * @param {AbortSignal} [signal] ends it
 */
export function boxSwitch(signal) {
  const button = h(
    "button",
    {
      class: "chip boxes-switch",
      type: "button",
      title: "Show or hide the boxes of objects",
      onclick: () => {
        remember(STORED, areShown() ? "off" : "on")
        window.dispatchEvent(new Event(CHANGED))
      },
    },
    h("span", {}, "Boxes"),
  )
  const update = () => {
    button.classList.toggle("on", areShown())
    button.setAttribute("aria-pressed", String(areShown()))
  }
  window.addEventListener(CHANGED, update, signal ? { signal } : {})
  update()
  return button
}
