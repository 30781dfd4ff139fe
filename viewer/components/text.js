// Numbers, texts and addresses as the page shows them. Nothing here knows an element.

/** @import { ImageReference } from "./types" */

/**
 * Write a number with commas between its thousands.
 *
 * @param {number} value
 */
export function formatNumber(value) {
  return value.toLocaleString("en-US")
}

/**
 * Write a number of images: "1 image", "2,000 images".
 *
 * @param {number} count
 */
export function countImages(count) {
  return `${formatNumber(count)} ${count === 1 ? "image" : "images"}`
}

/**
 * Write a value of a text column; a value may be the empty text.
 *
 * @param {string} text
 */
export function formatValue(text) {
  return text.trim() === "" ? "Empty" : text
}

/** The path of this app on its server, without a slash at its end. */
export function basePath() {
  return window.location.pathname.replace(/\/+$/, "")
}

/**
 * The address of an image. It names the image's bytes, so that an unchanged image is not fetched again for a new version.
 *
 * @param {"thumb" | "full"} size
 * @param {ImageReference} image
 * @param {string} base the app's path
 */
export function imageUrl(size, { id, stamp }, base = basePath()) {
  const path = id.split("/").map(encodeURIComponent).join("/")
  return `${base}/img/${size}/${path}?is=${encodeURIComponent(stamp)}`
}
