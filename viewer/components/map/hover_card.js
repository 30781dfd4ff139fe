// The card of the image under the pointer. It stays within the map and ignores the pointer.

import { boxLayer } from "../boxes.js"
import { h } from "../dom.js"
import { clamp } from "../numbers.js"
import { thumbnailFrame } from "../thumbnail.js"

/** @import { Component, ImageItem } from "../types" */

/** Pixels: the card's width, its distance from the image, and its distance from the map's edge. */
const WIDTH = 176
const GAP = 12
const EDGE = 8

/** Pixels from the card's upper edge down to the image's middle. */
const LIFT = 60

/**
 * An image with the names and values to show, and its middle on the map in pixels; `reach` is half its
 * height.
 *
 * @typedef {ImageItem & { values: [string, string][], x: number, y: number, reach: number }} HoveredItem
 */

/**
 * Return the card's place: right of the image, or left of it where there is no room, and within the map.
 *
 * @param {{ x: number, y: number, reach: number }} image
 * @param {{ width: number, height: number }} map
 * @param {number} height of the card
 */
export function cardPlace(image, map, height) {
  const right = image.x + image.reach + GAP
  const left = image.x - image.reach - GAP - WIDTH
  const x = Math.max(EDGE, right + WIDTH > map.width ? left : right)
  const y = clamp(image.y - LIFT, EDGE, Math.max(EDGE, map.height - height - EDGE))
  return { x: Math.round(x), y: Math.round(y) }
}

/**
 * @typedef {object} Properties
 * @property {HoveredItem | { id?: undefined }} item the image under the pointer, {} for none
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  const root = h("div", { class: "root hover", "aria-hidden": "true" })
  let loading = new AbortController()
  const update = () => {
    const { item } = model
    loading.abort()
    if (!item.id) {
      root.classList.remove("shown")
      return
    }
    loading = new AbortController()
    const frame = thumbnailFrame(item)
    const image = frame.querySelector("img")
    if (image) {
      frame.append(boxLayer(item, image, loading.signal, { names: false }).el)
    }
    root.replaceChildren(
      frame,
      h(
        "div",
        { class: "words" },
        h("div", { class: "label" }, item.label),
        item.values.map(([name, value]) =>
          h("div", { class: "value" }, h("span", { class: "muted" }, name), h("span", {}, value)),
        ),
      ),
    )
    const map = root.parentElement?.getBoundingClientRect()
    if (map) {
      const { x, y } = cardPlace(item, map, root.offsetHeight)
      root.style.transform = `translate(${x}px, ${y}px)`
    }
    root.classList.add("shown")
  }
  model.on("item", update)
  update()
  return root
}
