// Formats numbers, texts and image addresses. Nothing here touches the page's elements.

/** @import { ImageReference } from "./types" */

/**
 * Format a number with a comma between thousands.
 *
 * @param {number} value
 */
export function formatNumber(value) {
  return value.toLocaleString("en-US")
}

/**
 * Format a number of images: "1 image", "2,000 images".
 *
 * @param {number} count
 */
export function countImages(count) {
  return `${formatNumber(count)} ${count === 1 ? "image" : "images"}`
}

/**
 * Format a value of a text column. A blank value becomes visible.
 *
 * @param {string} text
 */
export function formatValue(text) {
  return text.trim() === "" ? "Empty" : text
}

/** Return this app's path on its server, without a slash at the end. */
export function basePath() {
  return window.location.pathname.replace(/\/+$/, "")
}

/**
 * Return the address of an image. It contains the stamp of the image's bytes, so that the browser does not
 * fetch an unchanged image again.
 *
 * @param {"thumb" | "medium" | "view" | "full"} size
 * @param {ImageReference} image
 * @param {string} base this app's path
 */
export function imageUrl(size, image, base = basePath()) {
  return `${base}/img/${size}/${pathOf(image)}`
}

/**
 * Return the address of an image's objects.
 *
 * @param {ImageReference} image
 * @param {string} base this app's path
 */
export function objectsUrl(image, base = basePath()) {
  return `${base}/objects/${pathOf(image)}`
}

/** @param {ImageReference} image */
function pathOf({ id, stamp }) {
  return `${id.split("/").map(encodeURIComponent).join("/")}?is=${encodeURIComponent(stamp)}`
}
