// Ranges of a histogram's bins, as a person brushes them. A span [first, last) is what is brushed, null is all bins.

import { clamp } from "./numbers.js"

/** @typedef {[first: number, last: number]} Bins */
/** @typedef {Bins | null} Span */

/**
 * A drag of the pointer: of one end while the other stays, of the whole span, or of a new span from the bin `fixed`.
 *
 * @typedef {{ kind: "end", fixed: number } | { kind: "move", at: number, span: Bins } | { kind: "new", fixed: number }} Drag
 */

/** How far a key moves an end, in bins. */
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

/** With Shift held, a key moves an end so many times as far. */
const SHIFT = 5

/**
 * The span between two bins in either order; null where it is empty or holds all bins.
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
 * The span during a drag; the pointer is at `at`, counted in bins and parts of a bin.
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
 * The span after a press that did not become a drag: one bin, or all bins again.
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
 * The span after a key on one of its ends; undefined where the key means nothing.
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
