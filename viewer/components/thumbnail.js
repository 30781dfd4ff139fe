// An image's thumbnail in its frame: part of every card, beside the map and over it.

import { h } from "./dom.js"
import { imageUrl } from "./text.js"

/** @import { Attributes, ImageItem } from "./types" */

/**
 * Build a thumbnail in its frame.
 *
 * @param {ImageItem} item
 * @param {Attributes<HTMLImageElement>} [attributes] of the image
 */
export function thumbnailFrame(item, attributes = {}) {
  return h("div", { class: "frame" }, h("img", { src: imageUrl("thumb", item), alt: "", ...attributes }))
}
