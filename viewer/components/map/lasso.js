// Draws an outline over the map: a lasso or a box. It takes the pointer from the map only for a drag that draws: with a tool
// in hand, or with Shift (adds) or Alt (takes away) held. The wheel still zooms, and the card under the pointer still comes.
// A person without a keyboard says by the buttons beside the tool's name what a drag does; the tool then stays in hand.

import { h, listenWhileShown, svg } from "../dom.js"
import { findByClass, findMapPane } from "../find.js"
import { clamp } from "../numbers.js"

/** @import { Component, Figure, MapPane, Model } from "../types" */

/** @typedef {[x: number, y: number]} Point */
/** @typedef {"lasso" | "box"} Tool */

/**
 * What an outline does with the selection: replaces it, adds to it, or takes away from it.
 *
 * @typedef {"only" | "add" | "less"} Mode
 */

/**
 * An outline that is being drawn; its points are pixels within the map.
 *
 * @typedef {{ tool: Tool, pointer: number, how: Mode, points: Point[], isMoved: boolean }} Drawing
 */

/** Pixels: a press that moves less is a click. */
const STILL = 4

/** Pixels between two points of a lasso. */
const STEP = 2

/** @type {Map<string, string>} */
const HINTS = new Map([
  ["lasso", "Draw around images"],
  ["box", "Drag a box over images"],
])

/** @type {{ mode: Mode, word: string, title: string }[]} */
const MODES = [
  { mode: "only", word: "New", title: "Choose these only" },
  { mode: "add", word: "Add", title: "Add to what is chosen (Shift)" },
  { mode: "less", word: "Take away", title: "Take away from what is chosen (Alt)" },
]

/**
 * The corners of an outline: of a box those between its first and its last point.
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
 * A drawing after the pointer has moved to a point.
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
 * Where on the map, in map units, a pixel of the pane lies.
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

/**
 * @typedef {object} Properties
 * @property {Tool | ""} tool in hand
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  const path = svg("path", { class: "outline" })
  const picture = svg("svg", { class: "drawing", "aria-hidden": "true" }, path)
  const hint = toolHint(model)
  /** @type {Drawing | null} */
  let drawing = null
  const claim = claimsPointer(() => drawing !== null)
  /** @type {Tool} */
  let lastTool = "lasso"
  /** @type {MapPane | null} */
  let pane = null
  const map = () => {
    if (!pane?.isConnected) {
      pane = findMapPane()
    }
    return pane
  }
  /** @param {PointerEvent} event */
  const modeOf = (event) => {
    if (event.altKey) {
      return "less"
    }
    if (event.shiftKey) {
      return "add"
    }
    return model.tool ? hint.mode() : "only"
  }
  /** @param {PointerEvent} event */
  const draws = (event) =>
    event.button === 0 && event.isPrimary && (model.tool || event.shiftKey || event.altKey)

  const update = () => {
    const shown = drawing?.isMoved ? cornersOf(drawing.tool, drawing.points) : []
    path.setAttribute("d", shown.length > 0 ? `M${shown.map((point) => point.join(" ")).join("L")}Z` : "")
    path.classList.toggle("less", drawing?.how === "less")
    hint.el.classList.toggle("shown", model.tool !== "" && shown.length === 0)
    claim(model.tool || drawing ? map() : null)
  }
  const takeTool = () => {
    hint.update()
    update()
  }
  /** @param {Drawing | null} next */
  const draw = (next) => {
    drawing = next
    update()
  }
  /**
   * Where an event is, in pixels within the map.
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
    lastTool = model.tool || lastTool
    model.send_msg({ kind: "drawing" })
    const points = [pointOf(event, on)]
    draw({ tool: lastTool, pointer: event.pointerId, how: modeOf(event), points, isMoved: false })
  }
  /** @param {PointerEvent} event */
  const move = (event) => {
    const on = map()
    if (!on || drawing?.pointer !== event.pointerId) {
      return
    }
    stop(event)
    draw({ ...extended(drawing, pointOf(event, on)), how: modeOf(event) })
  }
  /** @param {PointerEvent} event */
  const end = (event) => {
    const figure = map()?.clipper_figure
    if (!figure || drawing?.pointer !== event.pointerId) {
      return
    }
    stop(event)
    const { tool, points, how, isMoved } = drawing
    const [first, ...rest] = cornersOf(tool, points).map((point) => placeOf(point, figure))
    if (isMoved) {
      model.send_msg({ kind: "drawn", how, shape: [first, ...rest], stays: hint.mode() !== "only" })
    } else if (first) {
      model.send_msg({ kind: "tap", how, x: first[0], y: first[1] })
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
        event.stopImmediatePropagation() // no card comes up while a person draws
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
  model.on("tool", takeTool)
  model.on("remove", () => claim(null))
  takeTool()
  return h("div", { class: "root over" }, picture, hint.el)
}

/** @param {Event} event */
function stop(event) {
  event.stopImmediatePropagation()
  event.preventDefault()
}

/**
 * What the tool in hand is for, and buttons that say what a drag does.
 *
 * @param {Model<{ tool: string }>} model
 */
function toolHint(model) {
  /** @type {Mode} */
  let mode = "only"
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
      onclick: () => model.send_msg({ kind: "end" }),
    },
    "Done",
  )
  const group = h("div", { class: "modes", role: "group", "aria-label": "What drawing does" }, buttons)
  const update = () => {
    if (!model.tool) {
      mode = "only" // a tool that is taken anew begins anew
    }
    words.textContent = HINTS.get(model.tool) ?? ""
    mark()
  }
  return { el: h("div", { class: "hint" }, words, group, done), mode: () => mode, update }
}

/**
 * Claim the pointer of the map for drawing: a cross as its cursor, and no scrolling by a finger while one draws.
 *
 * @param {() => boolean} isDrawing
 * @returns {(map: MapPane | null) => void} claims the pointer of a map, null: of none
 */
function claimsPointer(isDrawing) {
  // Bokeh sets the cursor of its own layer again on every move: only a style sheet in that layer's root outlasts it.
  const cross = h("style", {}, ".bk-events { cursor: crosshair !important; touch-action: none !important; }")
  // A browser takes a finger's stroke for a scroll that goes on for a while; the next tap, on whatever button, ends that
  // scroll and is no click. Only the map listens, with a tool in hand: elsewhere it would make scrolling wait.
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
