// What helps to find one's way on the map: a small map of the whole, a scale, a word where nothing is in view,
// and how to move until a person has moved.

import { h, listenWhileShown, onChange } from "../dom.js"
import { mapPaneBelow } from "../find.js"
import { recall, remember } from "../storage.js"
import { batched } from "../timing.js"
import { currentView } from "./camera.js"
import { followFigure } from "./follow_figure.js"
import { followTool, toolInHand } from "./hand.js"
import { BAR, similarityAt } from "./map_scale.js"
import { minimap } from "./minimap.js"

/** @import { Component, Figure } from "../types" */

/** The key, in the browser's storage, of whether a person knows how to move. */
const KEY = "clipper-moved"

/**
 * @typedef {object} Properties
 * @property {string} picture of the whole map, "" while there is none
 * @property {[number, number, number, number] | []} whole the part of the map in it: x0, x1, y0, y1
 * @property {[number, number] | []} size of it in pixels
 * @property {[number[], number[]] | []} scale
 * @property {string} empty why there is nothing in view, ""
 * @property {boolean} elsewhere whether there are images outside of the view
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  const small = minimap(() => followed.figure())
  const scale = scaleBar()
  const words = h("span", {})
  const back = h(
    "button",
    { type: "button", class: "text", onclick: () => model.send_msg({ kind: "home" }) },
    "Show all",
    h("kbd", {}, "0"),
  )
  const none = h("div", { class: "none", role: "status", hidden: true }, words, back)
  const hint = firstWords(model)
  /** @param {Figure} shown */
  const place = (shown) => {
    const isPart = small.place(shown)
    const distance = currentView(shown, shown.inner_width).unit * BAR
    scale.update(isPart || model.scale.length > 0 ? similarityAt(model.scale, distance) : null)
  }
  const root = h(
    "div",
    { class: "root over" },
    h("div", { class: "corner" }, small.root, scale.root),
    none,
    hint.root,
  )
  const followed = followFigure(model, root, () => true, place)
  const update = () => {
    const [x0, x1, y0, y1] = model.whole
    const [width, height] = model.size
    if (x0 !== undefined && x1 !== undefined && y0 !== undefined && y1 !== undefined && width && height) {
      small.update(model.picture, { x0, x1, y0, y1, width, height })
    }
    words.textContent = model.empty
    none.hidden = model.empty === ""
    back.hidden = !model.elsewhere
    hint.root.classList.toggle("aside", model.empty !== "")
    followed.updateSoon()
  }
  onChange(model, ["picture", "whole", "size", "scale", "empty", "elsewhere"], batched(update))
  update()
  return root
}

/** Build the scale: a bar, and the similarity of images that lie as far apart as it is long. */
function scaleBar() {
  const figure = h("span", { class: "figure" })
  const root = h(
    "div",
    {
      class: "scale",
      hidden: true,
      title:
        "What a distance means on this map: pairs of images as far apart as this bar is long typically have this cosine similarity, measured on this dataset. Identical images have 1.",
    },
    figure,
    h("span", { class: "length", style: `width:${BAR}px` }),
  )
  return {
    root,
    /** @param {number | null} similarity */
    update(similarity) {
      root.hidden = similarity === null
      figure.textContent = similarity === null ? "" : `similarity ≈ ${similarity.toFixed(2)}`
    },
  }
}

/**
 * Build the words on how to move, which go for good once a person has moved the map or opened an image.
 *
 * @param {Component<Properties>["model"]} model
 */
function firstWords(model) {
  const isTouch = window.matchMedia("(pointer: coarse)").matches
  const text = isTouch
    ? "Drag to move, pinch to zoom, tap an image"
    : "Drag to move, scroll to zoom, click an image"
  let isLearned = recall(KEY) === "yes"
  const root = h("div", { class: "hint", hidden: isLearned }, text)
  /** @param {Event} event */
  const learn = (event) => {
    const pane = mapPaneBelow(root)
    if (root.hidden || !pane || !event.composedPath().includes(pane)) {
      return
    }
    isLearned = true
    root.classList.add("away")
    remember(KEY, "yes")
  }
  // With a tool in hand a drag does something else.
  followTool(model, () => root.classList.toggle("away", isLearned || toolInHand() !== null))
  listenWhileShown(model, document, ["pointerdown", "wheel"], learn, { passive: true, capture: true })
  return { root }
}
