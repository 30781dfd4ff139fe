// Updates the page's address: the server writes the state, this script adds the view of the map. A step that
// Back should undo adds an entry to the history; a movement of the map only changes the current entry. Shows
// nothing.

import { h, onChange } from "../dom.js"
import { findMapPane } from "../find.js"
import { fittedView, glideTo, viewAskedFor, viewText } from "../map/camera.js"
import { batched } from "../timing.js"

/** @import { Component, Figure, MapPane, MapView } from "../types" */

/** Milliseconds between two checks of the map. The address is written once the map is at rest. */
const LOOK = 400

/** Parameters of the address that belong to Clipper; others stay unchanged. */
const OWN_NAMES = [
  "q",
  "colour",
  "words",
  "filters",
  "chosen",
  "open",
  "cut",
  "fold",
  "excess",
  "within",
  "panel",
  "faces",
  "names",
  "finding",
  "concepts",
  "sort",
  "group",
  "layout",
  "x",
  "y",
  "view",
  "model",
  "beside",
  "at",
]

/**
 * Return the address after its "?": the parameters of others, the state, and the view of the map.
 *
 * @param {string} search the present address after its "?"
 * @param {string} state as the server writes it
 * @param {string} view "" for the first view
 */
export function composeSearch(search, state, view) {
  const others = [...new URLSearchParams(search)].filter(([name]) => !OWN_NAMES.includes(name))
  const parts = [new URLSearchParams(others).toString(), state, view && `at=${view}`]
  return parts.filter(Boolean).join("&")
}

/**
 * Return whether somebody has moved the map away from its first view.
 *
 * @param {MapView} first
 * @param {MapView} now
 */
export function isMoved(first, now) {
  return (
    Math.abs(now.unit / first.unit - 1) > 1e-3 ||
    Math.hypot(now.x - first.x, now.y - first.y) > 2 * first.unit
  )
}

/**
 * @typedef {object} Properties
 * @property {string} search the state as the address has it, without the part of the map in view
 * @property {number} pushes changes with each step that Back should undo
 * @property {number} arrivals changes each time that what an address asked for is shown
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  /** @type {MapPane | null} */
  let pane = null
  const fittedFigure = () => {
    if (!pane?.isConnected) {
      pane = findMapPane()
    }
    const figure = pane?.clipper_figure
    return figure?.clipper_fitted ? { figure, first: figure.clipper_fitted.first } : null
  }
  /** @param {boolean} isStep */
  const write = (isStep) => {
    const { search, pathname, hash } = window.location
    const map = fittedFigure()
    const composed = composeSearch(search, model.search, map && hasMoved(map) ? viewText(map.figure) : "")
    if (composed !== search.slice(1)) {
      const address = `${pathname}${composed ? `?${composed}` : ""}${hash}`
      window.history[isStep ? "pushState" : "replaceState"](null, "", address)
    }
  }
  // The address stays as it is until the server shows the state that it asks for.
  let hasBegun = window.location.search === ""
  let before = ""
  const look = () => {
    const figure = fittedFigure()?.figure
    if (!figure || figure.clipper_flight) {
      return
    }
    const now = viewText(figure)
    if (now === before && hasBegun) {
      write(false)
    }
    before = now
  }
  let pushes = model.pushes
  const follow = () => {
    hasBegun = true
    write(model.pushes !== pushes)
    pushes = model.pushes
  }
  const goBack = () => {
    const { search } = window.location
    model.send_msg({ kind: "went", search })
    const map = fittedFigure()
    if (map) {
      glideTo(map.figure, viewAskedFor(search, map.figure) ?? map.first)
    }
  }
  const timer = setInterval(look, LOOK)
  window.addEventListener("popstate", goBack)
  onChange(model, ["search", "pushes", "arrivals"], batched(follow))
  model.on("remove", () => {
    clearInterval(timer)
    window.removeEventListener("popstate", goBack)
  })
  return h("div", { hidden: true })
}

/** @param {{ figure: Figure, first: MapView }} map */
function hasMoved({ figure, first }) {
  return isMoved(first, fittedView(figure))
}
