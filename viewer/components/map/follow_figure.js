// Follows the map's figure: what lies over the map is placed anew whenever the map moves.

import { mapPaneBelow } from "../find.js"
import { batched } from "../timing.js"

/** @import { Figure, Model } from "../types" */

/** Milliseconds between two checks for the map's layout. */
const LOOK = 200

/**
 * Return the place of a point in pixels from the pane's upper left corner.
 *
 * @param {{ x: number, y: number }} place in map units
 * @param {Pick<Figure, "x_range" | "y_range" | "inner_width" | "inner_height">} figure
 */
export function pixelOf({ x, y }, { x_range, y_range, inner_width, inner_height }) {
  return {
    x: ((x - x_range.start) / (x_range.end - x_range.start)) * inner_width,
    y: ((y_range.end - y) / (y_range.end - y_range.start)) * inner_height,
  }
}

/**
 * Return the element that gets the map's events.
 *
 * @param {Figure | null} figure
 */
export function mapEvents(figure) {
  return figure && Bokeh.index.find_one(figure)?.canvas_view?.events_el
}

/**
 * Give the map a turn of the wheel over something that lies above it.
 *
 * @param {WheelEvent} event
 * @param {Figure | null} figure
 */
export function passWheel(event, figure) {
  event.preventDefault()
  mapEvents(figure)?.dispatchEvent(new WheelEvent(event.type, event))
}

/**
 * Place something over the map whenever the map moves, until the component is removed.
 *
 * @template Properties
 * @param {Model<Properties>} model
 * @param {Element} over what lies over the map
 * @param {() => boolean} isNeeded whether there is something to place
 * @param {(figure: Figure) => void} place
 */
export function followFigure(model, over, isNeeded, place) {
  /** @type {Figure | null} */
  let figure = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const find = () => {
    const found = mapPaneBelow(over)?.clipper_figure
    if (found && found !== figure) {
      figure = found
      figure.x_range.change.connect(updateSoon)
      figure.y_range.change.connect(updateSoon)
    }
    return figure
  }
  /** Place it now, or as soon as the map is there. */
  const update = () => {
    if (!isNeeded()) {
      return
    }
    const shown = find()
    if (shown) {
      place(shown)
    } else {
      clearTimeout(timer)
      timer = setTimeout(update, LOOK)
    }
  }
  const updateSoon = batched(update, requestAnimationFrame)
  model.on("remove", () => {
    clearTimeout(timer)
    figure?.x_range.change.disconnect(updateSoon)
    figure?.y_range.change.disconnect(updateSoon)
  })
  return { update, updateSoon, figure: () => figure }
}
