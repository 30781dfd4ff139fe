// The small map of the whole: it shows which part is in view, and a drag over it moves the view.

import { h } from "../dom.js"
import { currentView, showView, withinLimits } from "./camera.js"

/** @import { Figure } from "../types" */

/** Of the part in view, so many pixels are shown at least: less could not be seen. */
const LEAST = 8

/**
 * A part of the map in map units, and the size in pixels of the picture that shows it.
 *
 * @typedef {{ x0: number, x1: number, y0: number, y1: number, width: number, height: number }} Whole
 */

/**
 * Return the frame of the part in view, in pixels of the small map; null if all of it is in view.
 *
 * @param {Pick<Figure, "x_range" | "y_range">} figure
 * @param {Whole} whole
 */
export function frameOf({ x_range, y_range }, { x0, x1, y0, y1, width, height }) {
  const across = width / (x1 - x0)
  const down = height / (y1 - y0)
  const left = (x_range.start - x0) * across
  const right = (x_range.end - x0) * across
  const top = (y1 - y_range.end) * down
  const bottom = (y1 - y_range.start) * down
  if (
    left <= width * SLACK &&
    right >= width * (1 - SLACK) &&
    top <= height * SLACK &&
    bottom >= height * (1 - SLACK)
  ) {
    return null
  }
  const w = Math.max(right - left, LEAST)
  const hh = Math.max(bottom - top, LEAST)
  return { left: (left + right - w) / 2, top: (top + bottom - hh) / 2, width: w, height: hh }
}

/** The picture has a margin around the points: this part of it may be out of view on each side. */
const SLACK = 0.06

/**
 * Return the place on the map of a pixel of the small map.
 *
 * @param {{ x: number, y: number }} pixel
 * @param {Whole} whole
 */
export function placeOf({ x, y }, { x0, x1, y0, y1, width, height }) {
  return { x: x0 + (x / width) * (x1 - x0), y: y1 - (y / height) * (y1 - y0) }
}

/**
 * Build the small map. `update` shows a picture, and `place` the part of it that is in view.
 *
 * @param {() => Figure | null} figure
 */
export function minimap(figure) {
  /** @type {Whole | null} */
  let whole = null
  const image = h("img", { alt: "", draggable: "false" })
  const frame = h("div", { class: "frame" })
  const root = h(
    "div",
    {
      class: "minimap",
      "aria-hidden": "true", // a keyboard moves the map by its own keys
      title: "Drag to move the view",
      hidden: true,
      onpointerdown: (event) => {
        event.preventDefault()
        event.currentTarget.setPointerCapture(event.pointerId)
        move(event)
      },
      onpointermove: (event) => {
        if (event.buttons > 0) {
          move(event)
        }
      },
    },
    image,
    frame,
  )
  /** @param {PointerEvent} event */
  const move = ({ clientX, clientY }) => {
    const shown = figure()
    if (!(shown && whole)) {
      return
    }
    const { left, top } = image.getBoundingClientRect()
    const place = placeOf({ x: clientX - left, y: clientY - top }, whole)
    shown.clipper_flight = null
    showView(shown, withinLimits(shown, { ...currentView(shown, shown.inner_width), ...place }))
  }
  return {
    root,
    /**
     * @param {string} picture
     * @param {Whole} part
     */
    update(picture, part) {
      whole = part
      if (picture) {
        image.src = picture
      }
      image.style.width = `${part.width}px`
      image.style.height = `${part.height}px`
    },
    /** @param {Figure} shown */
    place(shown) {
      const box = whole && frameOf(shown, whole)
      root.hidden = !(box && image.src)
      if (box) {
        frame.style.transform = `translate(${box.left}px, ${box.top}px)`
        frame.style.width = `${box.width}px`
        frame.style.height = `${box.height}px`
      }
      return !root.hidden
    },
  }
}
