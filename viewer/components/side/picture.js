// Original pictures: of the open image in the panel, and over the whole page.

import { h, icon } from "../dom.js"
import { formatNumber, imageUrl } from "../text.js"

/** @import { ImageItem } from "../types" */
/** @import { DetailItem, DetailModel } from "./detail.js" */

/** Explanations for a missing original, by the server's name for the problem. */
const PROBLEMS = new Map([
  ["gone", "The original is gone or was moved. This is its thumbnail."],
  ["changed", "The original has changed since it was indexed. This is its thumbnail."],
])
const UNREADABLE = "The original cannot be shown. This is its thumbnail."

/** A small image is enlarged at most this many times. */
const LARGEST = 3

const ENLARGE = "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"

/**
 * Build an image and a note: the thumbnail at once, then the original, or an explanation if it cannot be shown.
 *
 * @param {ImageItem} item
 * @param {AbortSignal} signal
 */
export function originalOf(item, signal) {
  const thumbnail = imageUrl("thumb", item)
  const image = h("img", { class: "full", alt: item.label, src: thumbnail })
  const note = h("div", { class: "lost muted", role: "status" })
  const load = async () => {
    const answer = await fetch(imageUrl("full", item), { signal })
    const problem = answer.ok ? answer.headers.get("Original-Is") : "gone"
    if (problem) {
      note.textContent = PROBLEMS.get(problem) ?? UNREADABLE
      return
    }
    const url = URL.createObjectURL(await answer.blob())
    const fail = () => {
      note.textContent = UNREADABLE
      image.src = thumbnail
    }
    image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true })
    image.addEventListener("error", fail, { once: true })
    image.src = url
  }
  load().catch(() => {
    if (!signal.aborted) {
      note.textContent = UNREADABLE
    }
  })
  return { image, note }
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
    h("span", { class: "enlarge" }, icon(ENLARGE)),
  )
  return h("div", { class: "picture" }, button, note)
}

/**
 * Build a dialog with the image over the whole page. It follows the open image and closes with it.
 *
 * @param {DetailModel} model
 */
export function lightbox(model) {
  const image = h("img", {
    alt: "",
    onload: () => {
      image.style.maxWidth = `${image.naturalWidth * LARGEST}px`
      image.style.maxHeight = `${image.naturalHeight * LARGEST}px`
    },
  })
  const caption = h("div", { class: "row words" })
  const el = h(
    "dialog",
    {
      class: "light",
      "aria-label": "The image in full",
      onclick: () => el.close(),
      onkeydown: (event) => {
        if (event.key === "Escape") {
          event.stopPropagation()
        }
      },
    },
    image,
    caption,
  )
  const update = () => {
    const { item, place, among } = model
    if (!item.id) {
      el.close()
      return
    }
    const order = ` · ${formatNumber(place)} of ${formatNumber(among)}`
    image.alt = item.label
    image.src = imageUrl("full", item)
    caption.textContent = item.label + (place > 0 ? order : "")
  }
  const updateOpen = () => {
    if (el.open) {
      update()
    }
  }
  model.on("item", updateOpen)
  model.on("place", updateOpen)
  const open = () => {
    update()
    el.showModal()
  }
  return { el, open, close: () => el.close() }
}
