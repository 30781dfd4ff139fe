// The words along two axes: they stand at the edges of the plane of the axes, or of the map where the plane
// reaches beyond it. Points glide to new places above a picture that is not there yet.

import { h, onChange } from "../dom.js"
import { findMapPane } from "../find.js"
import { coversOver } from "../map/camera.js"
import { followFigure, pixelOf } from "../map/follow_figure.js"
import { batched } from "../timing.js"
import { glide } from "./glide.js"

/** @import { Component, Figure } from "../types" */
/** @import { Moves } from "./glide.js" */

/**
 * @typedef {object} Axis
 * @property {"text" | "number" | "time" | "category" | "none"} kind
 * @property {string} title
 * @property {string} note
 * @property {[string, string]} ends
 * @property {number | null} missing the place of the images without a value
 * @property {[number, string][]} ticks places of 0 to 1, and their texts
 */

/**
 * @typedef {object} Properties
 * @property {Axis[]} axes the axis across and the one up; none on the map
 * @property {number[]} plane where both run from 0 to 1: x0, x1, y0, y1; and where their lines meet
 * @property {Moves | { number?: undefined }} moves
 * @property {number} arrived the move whose picture has come
 */

/** Pixels between words and the edge that they stand at, and between two words. */
const GAP = 8
/** Pixels at the edges of the pane that words keep free. */
const EDGE = 12

/** @param {Component<Properties>} component */
export function render({ model }) {
  const across = h("div", { class: "words across" })
  const up = h("div", { class: "words up" })
  const root = h("div", { class: "root over", role: "group", "aria-label": "Axes" }, across, up)
  /** @param {Figure} figure */
  const place = (figure) => {
    const [x, y] = model.axes
    const [x0 = 0, x1 = 1, y0 = 0, y1 = 1, left = x0, bottom = y0] = model.plane
    if (!(x && y)) {
      return
    }
    const corner = pixelOf({ x: left, y: bottom }, figure)
    const low = pixelOf({ x: x0, y: y0 }, figure)
    const high = pixelOf({ x: x1, y: y1 }, figure)
    const covers = boxesOver()
    placeAcross(across, low, high, corner, figure, covers)
    placeUp(up, low, high, corner, figure, covers)
  }
  const followed = followFigure(model, root, () => model.axes.length > 0, place)
  const update = () => {
    const [x, y] = model.axes
    root.hidden = !(x && y)
    across.replaceChildren(...(x ? wordsOf(x, ["←", "→"]) : []))
    up.replaceChildren(...(y ? wordsOf(y, ["↓", "↑"]) : []))
    root.setAttribute("aria-label", x && y ? `Across: ${spoken(x)}. Up: ${spoken(y)}.` : "Axes")
    followed.update()
  }
  onChange(model, ["axes", "plane"], batched(update))
  onChange(model, ["moves"], () => {
    if (model.moves.number !== undefined) {
      glide(
        root,
        followed.figure() ?? findMapPane()?.clipper_figure ?? null,
        model.moves,
        () => model.arrived,
      )
    }
  })
  update()
  return h("div", {}, root)
}

/** @param {Axis} axis */
function spoken({ title, ends, note }) {
  const words = ends[0] ? `from ${ends[0]} to ${ends[1]}` : title || "nothing"
  return note ? `${words}, ${note}` : words
}

/**
 * Build an axis's words: each has its place of 0 to 1, and where it belongs.
 *
 * @param {Axis} axis
 * @param {[string, string]} arrows
 */
function wordsOf(axis, [before, after]) {
  const missing = axis.missing === null ? [] : [word("missing", axis.missing, "no value")]
  const ends =
    axis.kind === "text"
      ? [word("end low", 0, `${before} ${axis.ends[0]}`), word("end high", 1, `${axis.ends[1]} ${after}`)]
      : []
  const note = axis.note ? ` (${axis.note})` : ""
  const title = axis.title ? [word("title", 0.5, `${axis.title}${note}`)] : []
  const ticks = axis.ticks.map(([at, text]) => word("tick", at, text))
  return [h("span", { class: "line" }), ...title, ...ends, ...ticks, ...missing]
}

/**
 * @param {string} kind
 * @param {number} at
 * @param {string} text
 */
function word(kind, at, text) {
  return h("span", { class: `word ${kind}`, "data-at": String(at), title: text }, text)
}

/** Return the boxes that lie over the map, in pixels of its pane. */
function boxesOver() {
  const pane = findMapPane()
  if (!pane) {
    return []
  }
  const { left, top } = pane.getBoundingClientRect()
  return coversOver(pane).map((card) => {
    const box = card.getBoundingClientRect()
    return { left: box.left - left, right: box.right - left, top: box.top - top, bottom: box.bottom - top }
  })
}

/** @typedef {{ x: number, y: number }} Pixel */
/** @typedef {{ left: number, right: number, top: number, bottom: number }} Box */

/**
 * Place the words of the axis across: below the plane, else at the lower edge of the pane.
 *
 * @param {HTMLElement} root
 * @param {Pixel} low
 * @param {Pixel} high
 * @param {Pixel} corner where the lines of both axes meet
 * @param {Figure} figure
 * @param {Box[]} covers
 */
function placeAcross(root, low, high, corner, { inner_width, inner_height }, covers) {
  const rows = root.querySelector(".title") ? 2 : 1
  const line = Math.max(EDGE, Math.min(corner.y, inner_height - EDGE - rows * ROW))
  const lower = covers.filter((box) => box.bottom > line && box.top < line + rows * ROW)
  const from = Math.max(EDGE, ...lower.filter(isLeft(inner_width)).map((box) => box.right + GAP))
  const to = Math.min(inner_width - EDGE, ...lower.filter(isRight(inner_width)).map((box) => box.left - GAP))
  drawLine(root, Math.max(corner.x, 0), line, Math.min(high.x, inner_width), line)
  const taken = new Taken()
  for (const el of wordsIn(root)) {
    const wide = el.offsetWidth
    const middle = low.x + Number(el.getAttribute("data-at")) * (high.x - low.x)
    const row = el.classList.contains("title") ? 1 : 0
    const sticks = el.classList.contains("end") || el.classList.contains("title")
    const start = startOf(el, middle, wide)
    const x = sticks ? Math.max(from, Math.min(start, to - wide)) : start
    const isShown = x >= from - 0.5 && x + wide <= to + 0.5 && taken.take(row, x, x + wide)
    show(el, isShown, x, line + 4 + row * ROW)
  }
}

/**
 * Place the words of the axis up: left of the plane, else at the left edge of the pane or beside a card there.
 *
 * @param {HTMLElement} root
 * @param {Pixel} low
 * @param {Pixel} high
 * @param {Pixel} corner where the lines of both axes meet
 * @param {Figure} figure
 * @param {Box[]} covers
 */
function placeUp(root, low, high, corner, { inner_width, inner_height }, covers) {
  const line = Math.min(Math.max(corner.x, EDGE), inner_width - EDGE)
  drawLine(root, line, Math.max(high.y, 0), line, Math.min(corner.y, inner_height))
  const left = covers.filter(isLeft(inner_width))
  const taken = new Taken()
  for (const el of wordsIn(root)) {
    const { offsetWidth: wide, offsetHeight: high_ } = el
    const middle = low.y + Number(el.getAttribute("data-at")) * (high.y - low.y)
    const isEnd = el.classList.contains("end") || el.classList.contains("title")
    const at = el.classList.contains("title") ? high.y - high_ - GAP : middle - high_ / 2
    const top = isEnd ? Math.max(EDGE, Math.min(at, inner_height - EDGE - high_ - ROW)) : at
    const beside = left
      .filter((box) => box.top < top + high_ && box.bottom > top)
      .map((box) => box.right + GAP)
    const x = Math.max(line - wide - 6, EDGE, ...beside)
    const isInside = top >= 0 && top + high_ <= inner_height
    show(el, isInside && taken.take(0, top, top + high_), x, top)
  }
}

/** The height of a row of words, in pixels. */
const ROW = 18

/**
 * @param {HTMLElement} el
 * @param {number} middle
 * @param {number} wide
 */
function startOf(el, middle, wide) {
  if (el.classList.contains("low")) {
    return middle
  }
  return el.classList.contains("high") ? middle - wide : middle - wide / 2
}

/** @param {HTMLElement} root */
function wordsIn(root) {
  return /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".word"))
}

/** @param {number} width */
function isLeft(width) {
  return (/** @type {Box} */ box) => box.left + box.right < width
}

/** @param {number} width */
function isRight(width) {
  return (/** @type {Box} */ box) => box.left + box.right >= width
}

/**
 * @param {HTMLElement} el
 * @param {boolean} isShown
 * @param {number} x
 * @param {number} y
 */
function show(el, isShown, x, y) {
  el.style.visibility = isShown ? "visible" : "hidden"
  el.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`
}

/**
 * @param {HTMLElement} root
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 */
function drawLine(root, x0, y0, x1, y1) {
  const line = /** @type {HTMLElement | null} */ (root.querySelector(".line"))
  if (line) {
    line.style.transform = `translate(${Math.round(x0)}px, ${Math.round(y0)}px)`
    line.style.width = `${Math.max(1, Math.round(x1 - x0))}px`
    line.style.height = `${Math.max(1, Math.round(y1 - y0))}px`
  }
}

/** The parts of rows that words have taken. */
class Taken {
  /** @type {[number, number, number][]} */
  #parts = []

  /**
   * Take a part if it is free; return whether it was.
   *
   * @param {number} row
   * @param {number} from
   * @param {number} to
   */
  take(row, from, to) {
    const isFree = this.#parts.every(([other, a, b]) => other !== row || from >= b + GAP || to <= a - GAP)
    if (isFree) {
      this.#parts.push([row, from, to])
    }
    return isFree
  }
}
