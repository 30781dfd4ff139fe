// Draws an outline over the map: a lasso or a box. A drag draws if a tool is in hand, or while Shift (add) or
// Alt (subtract) is held; the wheel still zooms, and the card of the image under the pointer still appears.
// The buttons beside the tool's name do the same as the keys, for people without a keyboard; the tool then
// stays in hand.

import { h, listenWhileShown, svg } from "../dom.js"
import { findByClass, mapPaneBelow } from "../find.js"
import { clamp } from "../numbers.js"
import { followTool, takeTool, toolInHand } from "./hand.js"

/** @import { Component, Figure, MapPane } from "../types" */
/** @import { Tool } from "./hand.js" */

/** @typedef {[x: number, y: number]} Point */

/**
 * The effect of an outline on the selection: replace it, add to it, or subtract from it.
 *
 * @typedef {"replace" | "add" | "subtract"} Mode
 */

/**
 * An unfinished outline. Its points are pixels within the map.
 *
 * @typedef {{ tool: Tool, pointer: number, mode: Mode, points: Point[], isMoved: boolean }} Drawing
 */

/** A press that moves fewer pixels is a click. */
const STILL = 4

/** Least distance between two points of a lasso, in pixels. */
const STEP = 2

/** @type {Map<Tool | null, string>} */
const HINTS = new Map([
  ["lasso", "Draw around images"],
  ["box", "Drag a box over images"],
])

/** @type {{ mode: Mode, word: string, title: string }[]} */
const MODES = [
  { mode: "replace", word: "New", title: "Choose these only" },
  { mode: "add", word: "Add", title: "Add to what is chosen (Shift)" },
  { mode: "subtract", word: "Take away", title: "Take away from what is chosen (Alt)" },
]

/**
 * Return the corners of an outline. A box lies between its first and its last point.
 *
 * @param {Tool} tool
 * @param {Point[]} points
 * @returns {Point[]}
 */
export function cornersOf(tool, points) {
  const [first, last] = [points[0], points.at(-1)]
  if (tool !== "box" || !first || !last) {
    return points
  }
  const [[x0, y0], [x1, y1]] = [first, last]
  return [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ]
}

/**
 * Return a drawing after the pointer has moved to a point.
 *
 * @param {Drawing} drawing
 * @param {Point} point
 * @returns {Drawing}
 */
export function extended(drawing, point) {
  const [first, last] = [drawing.points[0] ?? point, drawing.points.at(-1) ?? point]
  const isMoved = drawing.isMoved || distance(point, first) >= STILL
  if (drawing.tool === "box") {
    return { ...drawing, isMoved, points: [first, point] }
  }
  const isFar = distance(point, last) >= STEP
  return { ...drawing, isMoved, points: isFar ? [...drawing.points, point] : drawing.points }
}

/**
 * @param {Point} a
 * @param {Point} b
 */
function distance(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1])
}

/**
 * Return the map coordinates of a pixel of the pane.
 *
 * @param {Point} pixel
 * @param {Pick<Figure, "x_range" | "y_range" | "inner_width" | "inner_height">} figure
 * @returns {Point}
 */
export function placeOf([x, y], { x_range, y_range, inner_width, inner_height }) {
  return [
    x_range.start + (x / inner_width) * (x_range.end - x_range.start),
    y_range.end - (y / inner_height) * (y_range.end - y_range.start),
  ]
}

/** @param {Component<Record<never, never>>} component */
export function render({ model }) {
  const path = svg("path", { class: "outline" })
  const picture = svg("svg", { class: "drawing", "aria-hidden": "true" }, path)
  const hint = toolHint()
  /** @type {Drawing | null} */
  let drawing = null
  const claim = claimsPointer(() => drawing !== null)
  /** @type {Tool} */
  let lastTool = "lasso"
  /** @type {MapPane | null} */
  let pane = null
  const map = () => {
    if (!pane?.isConnected) {
      pane = mapPaneBelow(hint.el)
    }
    return pane
  }
  /** @param {PointerEvent} event */
  const modeOf = (event) => {
    if (event.altKey) {
      return "subtract"
    }
    if (event.shiftKey) {
      return "add"
    }
    return toolInHand() ? hint.mode() : "replace"
  }
  /** @param {PointerEvent} event */
  const draws = (event) =>
    event.button === 0 && event.isPrimary && (toolInHand() || event.shiftKey || event.altKey)

  const update = () => {
    const shown = drawing?.isMoved ? cornersOf(drawing.tool, drawing.points) : []
    path.setAttribute("d", shown.length > 0 ? `M${shown.map((point) => point.join(" ")).join("L")}Z` : "")
    path.classList.toggle("subtract", drawing?.mode === "subtract")
    hint.el.classList.toggle("shown", toolInHand() !== null && shown.length === 0)
    claim(toolInHand() || drawing ? map() : null)
  }
  const change = () => {
    hint.update()
    update()
  }
  /** @param {Drawing | null} next */
  const draw = (next) => {
    drawing = next
    update()
  }
  /**
   * Return the place of an event in pixels within the map.
   *
   * @param {PointerEvent} event
   * @param {MapPane} on
   * @returns {Point}
   */
  const pointOf = (event, on) => {
    const box = on.getBoundingClientRect()
    return [clamp(event.clientX - box.left, 0, box.width), clamp(event.clientY - box.top, 0, box.height)]
  }
  /** @param {PointerEvent} event */
  const begin = (event) => {
    const on = map()
    if (!draws(event) || !on?.clipper_figure || !event.composedPath().includes(on)) {
      return
    }
    stop(event)
    lastTool = toolInHand() ?? lastTool
    model.send_msg({ kind: "drawing" })
    const points = [pointOf(event, on)]
    draw({ tool: lastTool, pointer: event.pointerId, mode: modeOf(event), points, isMoved: false })
  }
  /** @param {PointerEvent} event */
  const move = (event) => {
    const on = map()
    if (!on || drawing?.pointer !== event.pointerId) {
      return
    }
    stop(event)
    draw({ ...extended(drawing, pointOf(event, on)), mode: modeOf(event) })
  }
  /** @param {PointerEvent} event */
  const end = (event) => {
    const figure = map()?.clipper_figure
    if (!figure || drawing?.pointer !== event.pointerId) {
      return
    }
    stop(event)
    const { tool, points, mode, isMoved } = drawing
    const [first, ...rest] = cornersOf(tool, points).map((point) => placeOf(point, figure))
    if (isMoved) {
      model.send_msg({ kind: "drawn", mode, shape: [first, ...rest] })
      if (hint.mode() === "replace") {
        takeTool(null)
      }
    } else if (first) {
      model.send_msg({ kind: "tap", mode, x: first[0], y: first[1] })
    }
    draw(null)
  }
  const capture = { capture: true }
  listenWhileShown(model, window, ["pointerdown"], begin, capture)
  listenWhileShown(model, window, ["pointermove"], move, capture)
  listenWhileShown(model, window, ["pointerup"], end, capture)
  listenWhileShown(
    model,
    window,
    ["mousemove"],
    (event) => {
      if (drawing) {
        event.stopImmediatePropagation() // no card appears while a person draws
      }
    },
    capture,
  )
  listenWhileShown(
    model,
    window,
    ["pointercancel"],
    (event) => {
      if (drawing?.pointer === event.pointerId) {
        draw(null)
      }
    },
    capture,
  )
  listenWhileShown(
    model,
    window,
    ["keydown"],
    (event) => {
      if (event.key === "Escape" && drawing) {
        stop(event)
        draw(null)
      }
    },
    capture,
  )
  model.on("remove", () => claim(null))
  followTool(model, change)
  return h("div", { class: "root over" }, picture, hint.el)
}

/** @param {Event} event */
function stop(event) {
  event.stopImmediatePropagation()
  event.preventDefault()
}

/** Build the line that explains the tool in hand, with buttons that choose the effect of a drag. */
function toolHint() {
  /** @type {Mode} */
  let mode = "replace"
  const words = h("strong", { role: "status" })
  const buttons = MODES.map(({ mode: own, word, title }) =>
    h(
      "button",
      {
        type: "button",
        class: "mode",
        title,
        onclick: () => {
          mode = own
          mark()
        },
      },
      word,
    ),
  )
  const mark = () => {
    buttons.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(MODES[i]?.mode === mode))
    })
  }
  const done = h(
    "button",
    {
      type: "button",
      class: "mode done",
      title: "Put the tool away (Esc)",
      onclick: () => takeTool(null),
    },
    "Done",
  )
  const group = h("div", { class: "modes", role: "group", "aria-label": "What drawing does" }, buttons)
  const update = () => {
    if (!toolInHand()) {
      mode = "replace" // each tool starts with a new selection
    }
    words.textContent = HINTS.get(toolInHand()) ?? ""
    mark()
  }
  return { el: h("div", { class: "hint" }, words, group, done), mode: () => mode, update }
}

/**
 * Reserve the map's pointer for drawing: show a cross as the cursor, and prevent a finger's stroke from
 * scrolling.
 *
 * @param {() => boolean} isDrawing
 * @returns {(map: MapPane | null) => void} a function that reserves the pointer of a map; null releases it
 */
function claimsPointer(isDrawing) {
  // Bokeh sets its layer's cursor again on every move. Only a style sheet in that layer's root overrides it.
  const cross = h("style", {}, ".bk-events { cursor: crosshair !important; touch-action: none !important; }")
  // A browser would treat a finger's stroke as a scroll that continues for a while. The next tap on any
  // button would then end the scroll instead of being a click. Listen on the map only, and only with a tool
  // in hand: such a listener delays scrolling.
  /** @param {TouchEvent} event */
  const holdScroll = (event) => {
    if (isDrawing() && event.cancelable) {
      event.preventDefault()
    }
  }
  /** @type {MapPane | null} */
  let held = null
  return (map) => {
    if (map !== held) {
      for (const name of /** @type {const} */ (["touchstart", "touchmove"])) {
        held?.removeEventListener(name, holdScroll)
        map?.addEventListener(name, holdScroll, { passive: false })
      }
      held = map
    }
    const layer = map && findByClass(map.shadowRoot ?? map, "bk-events")
    const root = layer?.getRootNode()
    if (root) {
      root.appendChild(cross)
    } else {
      cross.remove()
    }
  }
}
