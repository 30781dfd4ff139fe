// Ranges of a histogram's bins that a person brushes. A span [first, last) is the brushed range; null stands
// for all bins.

import { clamp } from "./numbers.js"

/** @typedef {[first: number, last: number]} Bins */
/** @typedef {Bins | null} Span */

/**
 * A drag of the pointer. It moves one end while the other stays, moves the whole span, or draws a new span
 * from bin `fixed`.
 *
 * @typedef {{ kind: "end", fixed: number }
 *   | { kind: "move", at: number, span: Bins }
 *   | { kind: "new", fixed: number }} Drag
 */

/** Bins by which a key moves an end. */
const STEPS = new Map([
  ["ArrowLeft", -1],
  ["ArrowDown", -1],
  ["ArrowRight", 1],
  ["ArrowUp", 1],
  ["PageDown", -5],
  ["PageUp", 5],
  ["Home", Number.NEGATIVE_INFINITY],
  ["End", Number.POSITIVE_INFINITY],
])

/** While Shift is held, a key moves an end this many times as far. */
const SHIFT = 5

/**
 * Return the span between two bins, given in either order; null if it is empty or holds all bins.
 *
 * @param {number} a
 * @param {number} b
 * @param {number} count of bins
 * @returns {Span}
 */
export function spanBetween(a, b, count) {
  const first = Math.max(0, Math.min(a, b))
  const last = Math.min(count, Math.max(a, b))
  return last <= first || (first === 0 && last === count) ? null : [first, last]
}

/**
 * Return the span during a drag. The pointer is at `at`, in bins and fractions of a bin.
 *
 * @param {Drag} drag
 * @param {number} at
 * @param {number} count of bins
 * @returns {Span}
 */
export function draggedSpan(drag, at, count) {
  switch (drag.kind) {
    case "end":
      return spanBetween(Math.round(at), drag.fixed, count)
    case "move": {
      const [first, last] = drag.span
      const shift = clamp(Math.round(at - drag.at), -first, count - last)
      return spanBetween(first + shift, last + shift, count)
    }
    default:
      return at >= drag.fixed
        ? spanBetween(drag.fixed, Math.ceil(at), count)
        : spanBetween(Math.floor(at), drag.fixed + 1, count)
  }
}

/**
 * Return the span after a press that did not become a drag: one bin, or all bins again.
 *
 * @param {Drag} drag
 * @param {Span} span
 * @param {number} count of bins
 * @returns {Span}
 */
export function pressedSpan(drag, span, count) {
  if (drag.kind === "end") {
    return span
  }
  return span === null && drag.kind === "new" ? spanBetween(drag.fixed, drag.fixed + 1, count) : null
}

/**
 * Return the span after a key was pressed on one of its ends; undefined if the key has no meaning here.
 *
 * @param {Span} span
 * @param {"from" | "to"} end
 * @param {{ key: string, shiftKey: boolean }} event
 * @param {number} count of bins
 * @returns {Span | undefined}
 */
export function keyedSpan(span, end, { key, shiftKey }, count) {
  if (key === "Delete" || key === "Backspace") {
    return null
  }
  const step = STEPS.get(key)
  if (step === undefined) {
    return undefined
  }
  const [first, last] = span ?? [0, count]
  const by = step * (shiftKey ? SHIFT : 1)
  return end === "from"
    ? spanBetween(clamp(first + by, 0, last - 1), last, count)
    : spanBetween(first, clamp(last + by, first + 1, count), count)
}
