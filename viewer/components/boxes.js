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
/** Pixels of the names' letters, of a line of them, and of the space between a box and its name. */
const LETTERS = 12
const LINE = 15
const GAP = 3
/** Of a longer name the rest is never measured: a label file may hold any text. */
const MOST_LETTERS = 500
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
  /** @type {SVGTextElement[]} */
  let texts = []
  let scale = 1
  const update = () => {
    el.style.display = boxes.length > 0 && areShown() ? "" : "none"
  }
  // The picture and its thumbnail have one shape; which of them is there does not matter.
  const fit = () => {
    const { naturalWidth: width, naturalHeight: height, clientWidth, clientHeight } = image
    if (width > 0 && clientWidth > 0) {
      el.setAttribute("viewBox", `0 0 ${width} ${height}`)
      const fitted = Math.max(width / clientWidth, height / Math.max(clientHeight, 1))
      const pixel = fitted / scale
      el.style.setProperty("--pixel", `${pixel}px`)
      // Names may stand beside the picture, where its element is larger.
      const room = {
        width: Math.max(width, clientWidth * fitted),
        height: Math.max(height, clientHeight * fitted),
      }
      placeTexts(texts, boxes, { width, height, pixel, room })
    }
  }
  const build = () => {
    const { naturalWidth: width, naturalHeight: height } = image
    if (width === 0) {
      return
    }
    const withNames = names && boxes.length <= MOST_NAMES
    texts = withNames ? boxes.map(() => svg("text", {})) : []
    el.replaceChildren(...boxes.flatMap((box) => outline(box, width, height)), ...texts)
    update()
    fit()
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
 */
function outline(box, width, height) {
  const shape = {
    x: String(box.left * width),
    y: String(box.top * height),
    width: String(box.width * width),
    height: String(box.height * height),
  }
  const under = svg("rect", { ...shape, class: "under" })
  return [under, svg("rect", { ...shape, stroke: box.color, class: box.crowd ? "crowd" : "" })]
}

/**
 * Put the names of boxes where they can be read, and hide those that have no room.
 *
 * @param {SVGTextElement[]} texts one for each box, or none
 * @param {Box[]} boxes
 * @param {Picture} picture
 */
function placeTexts(texts, boxes, picture) {
  const [first] = texts
  if (!first) {
    return
  }
  const { fontFamily, fontWeight } = getComputedStyle(first)
  const pen = document.createElement("canvas").getContext("2d")
  if (pen) {
    pen.font = `${fontWeight} ${LETTERS}px ${fontFamily}`
  }
  const widthOf = (/** @type {string} */ text) => pen?.measureText(text).width ?? text.length * LETTERS
  for (const [i, place] of placeNames(boxes, picture, widthOf).entries()) {
    const text = texts[i]
    if (text) {
      text.textContent = place?.text ?? ""
      text.setAttribute("x", String(place?.x ?? 0))
      text.setAttribute("y", String(place?.y ?? 0))
    }
  }
}

/**
 * A picture in its own pixels. `pixel` is how many of them a pixel of the screen has; `room` is the size of the
 * element in whose middle the picture lies.
 *
 * @typedef {{ width: number, height: number, pixel: number, room: { width: number, height: number } }} Picture
 */

/**
 * Return a place for the name of each box, null where it would lie over another name. Boxes that come first go
 * first. A name stands above its box, else inside of it, else below, and as far left as it needs to be whole.
 *
 * @param {Box[]} boxes
 * @param {Picture} picture
 * @param {(text: string) => number} widthOf a text, in pixels of the screen
 * @returns {({ text: string, x: number, y: number } | null)[]} the left end of each text's baseline
 */
export function placeNames(boxes, { width, height, pixel, room }, widthOf) {
  const [left, top] = [(width - room.width) / 2, (height - room.height) / 2]
  const [right, bottom] = [left + room.width, top + room.height]
  const line = LINE * pixel
  /** @type {{ x: number, y: number, end: number }[]} */
  const taken = []
  return boxes.map((box) => {
    const text = shorten(nameOf(box), room.width / pixel, widthOf)
    const length = widthOf(text) * pixel
    const x = Math.max(left, Math.min(box.left * width, right - length))
    const end = x + length
    const [upper, lower] = [box.top * height, (box.top + box.height) * height]
    const lines = [upper - line, upper, lower].filter((y) => y >= top && y + line <= bottom)
    const isFree = (/** @type {number} */ y) =>
      taken.every((one) => Math.abs(one.y - y) >= line || one.x >= end || x >= one.end)
    const y = lines.find(isFree)
    if (y === undefined) {
      return null
    }
    taken.push({ x, y, end })
    return { text, x, y: y + (LINE - GAP) * pixel }
  })
}

/** @param {Pick<Box, "name" | "score">} box */
function nameOf({ name, score }) {
  return score === undefined ? name : `${name} ${Math.round(score * 100)}%`
}

/**
 * Cut a text that is wider than its room.
 *
 * @param {string} text
 * @param {number} room in pixels
 * @param {(text: string) => number} widthOf
 */
function shorten(text, room, widthOf) {
  const isShort = text.length <= MOST_LETTERS
  if (isShort && widthOf(text) <= room) {
    return text
  }
  let letters = [...text.slice(0, MOST_LETTERS)]
  while (letters.length > 1 && widthOf(`${letters.join("")}…`) > room) {
    letters = letters.slice(0, -Math.ceil(letters.length / 16))
  }
  return `${letters.join("")}…`
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
