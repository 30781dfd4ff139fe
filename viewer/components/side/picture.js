// Original pictures, and that of the open image in the panel.

import { boxLayer } from "../boxes.js"
import { h, icon } from "../dom.js"
import { imageUrl } from "../text.js"

/** @import { ImageItem } from "../types" */
/** @import { DetailItem } from "./detail.js" */

/** Explanations for a missing original, by the server's name for the problem. */
const PROBLEMS = new Map([
  ["gone", "The original is gone or was moved. This is its thumbnail."],
  ["changed", "The original has changed since it was indexed. This is its thumbnail."],
])
const UNREADABLE = "The original cannot be shown. This is its thumbnail."

const ENLARGE = "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"

/**
 * Build an image and a note: the thumbnail at once, then the picture, or an explanation if it cannot be shown. Of
 * a very large original the picture is a smaller copy, until `sharpen` asks for the original itself.
 *
 * @param {ImageItem} item
 * @param {AbortSignal} signal
 */
export function originalOf(item, signal) {
  const thumbnail = imageUrl("thumb", item)
  const image = h("img", { class: "full", alt: item.label, src: thumbnail })
  const note = h("div", { class: "lost muted", role: "status" })
  let hasMore = false
  /** @param {"view" | "full"} size */
  const load = async (size) => {
    const answer = await fetch(imageUrl(size, item), { signal })
    const problem = answer.ok ? answer.headers.get("Original-Is") : "gone"
    if (problem) {
      note.textContent = PROBLEMS.get(problem) ?? UNREADABLE
      return
    }
    hasMore = answer.headers.get("Original-Is-Larger") === "yes"
    const url = URL.createObjectURL(await answer.blob())
    const before = image.src
    const fail = () => {
      note.textContent = UNREADABLE
      image.src = size === "full" ? before : thumbnail
    }
    image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true })
    image.addEventListener("error", fail, { once: true })
    image.src = url
  }
  /** @param {"view" | "full"} size */
  const tryLoad = (size) =>
    load(size).catch(() => {
      if (!signal.aborted) {
        note.textContent = UNREADABLE
      }
    })
  tryLoad("view")
  const sharpen = () => {
    if (hasMore) {
      hasMore = false
      tryLoad("full")
    }
  }
  return { image, note, sharpen }
}

/**
 * Build the picture of the open image; a press on it enlarges it.
 *
 * @param {DetailItem} item
 * @param {() => void} enlarge
 * @param {AbortSignal} signal
 */
export function pictureOf(item, enlarge, signal) {
  const { image, note } = originalOf(item, signal)
  const boxes = boxLayer(item, image, signal)
  const button = h(
    "button",
    {
      class: "stage",
      type: "button",
      title: "See it large",
      "aria-label": `See ${item.label} large`,
      onclick: enlarge,
    },
    image,
    boxes.el,
    h("span", { class: "enlarge" }, icon(ENLARGE)),
  )
  return h("div", { class: "picture" }, button, note)
}
