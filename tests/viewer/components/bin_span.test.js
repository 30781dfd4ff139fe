import assert from "node:assert/strict"
import { test } from "node:test"
import { draggedSpan, keyedSpan, pressedSpan, spanBetween } from "../../../viewer/components/bin_span.js"

/** @import { Bins, Drag } from "../../../viewer/components/bin_span.js" */

/** @type {Bins} */
const SPAN = [3, 7]
const BINS = 10

test("a span lies between two bins in either order, within the histogram", () => {
  assert.deepEqual(spanBetween(7, 3, BINS), [3, 7])
  assert.deepEqual(spanBetween(-4, 3, BINS), [0, 3])
  assert.deepEqual(spanBetween(8, 99, BINS), [8, 10])
})

test("no bins, and all bins, are no span", () => {
  assert.equal(spanBetween(4, 4, BINS), null)
  assert.equal(spanBetween(0, 10, BINS), null)
  assert.equal(spanBetween(-1, 12, BINS), null)
})

test("a dragged end goes to the nearest bin, also past the other end", () => {
  assert.deepEqual(draggedSpan({ kind: "end", fixed: 7 }, 4.6, BINS), [5, 7])
  assert.deepEqual(draggedSpan({ kind: "end", fixed: 7 }, 4.4, BINS), [4, 7])
  assert.deepEqual(draggedSpan({ kind: "end", fixed: 7 }, 9, BINS), [7, 9])
})

test("a dragged span keeps its width, also at the edges", () => {
  /** @type {Drag} */
  const drag = { kind: "move", at: 5, span: SPAN }
  assert.deepEqual(draggedSpan(drag, 6.2, BINS), [4, 8])
  assert.deepEqual(draggedSpan(drag, 0, BINS), [0, 4])
  assert.deepEqual(draggedSpan(drag, 10, BINS), [6, 10])
})

test("a new span holds every bin that the pointer touched", () => {
  assert.deepEqual(draggedSpan({ kind: "new", fixed: 4 }, 6.1, BINS), [4, 7])
  assert.deepEqual(draggedSpan({ kind: "new", fixed: 4 }, 1.9, BINS), [1, 5])
})

test("a press picks one bin, and all of them again where a span is brushed", () => {
  assert.deepEqual(pressedSpan({ kind: "new", fixed: 4 }, null, BINS), [4, 5])
  assert.equal(pressedSpan({ kind: "new", fixed: 9 }, SPAN, BINS), null)
  assert.equal(pressedSpan({ kind: "move", at: 5, span: SPAN }, SPAN, BINS), null)
})

test("a press on an end changes nothing", () => {
  assert.equal(pressedSpan({ kind: "end", fixed: 7 }, SPAN, BINS), SPAN)
})

/**
 * @param {"from" | "to"} end
 * @param {string} key
 */
const keyed = (end, key, { shiftKey = false, span = /** @type {Bins | null} */ (SPAN) } = {}) =>
  keyedSpan(span, end, { key, shiftKey }, BINS)

test("arrows move an end by a bin, with Shift by five", () => {
  assert.deepEqual(keyed("from", "ArrowRight"), [4, 7])
  assert.deepEqual(keyed("from", "ArrowUp"), [4, 7])
  assert.deepEqual(keyed("to", "ArrowLeft"), [3, 6])
  assert.deepEqual(keyed("to", "ArrowDown"), [3, 6])
  assert.deepEqual(keyed("from", "ArrowLeft", { shiftKey: true, span: [6, 9] }), [1, 9])
})

test("pages move an end by five bins", () => {
  assert.deepEqual(keyed("from", "PageDown", { span: [6, 9] }), [1, 9])
  assert.deepEqual(keyed("to", "PageUp", { span: [1, 3] }), [1, 8])
})

test("an end stays within the histogram and before the other end", () => {
  assert.deepEqual(keyed("from", "Home"), [0, 7])
  assert.deepEqual(keyed("from", "End"), [6, 7])
  assert.deepEqual(keyed("to", "End"), [3, 10])
  assert.deepEqual(keyed("to", "Home"), [3, 4])
})

test("without a span a key starts from all bins", () => {
  assert.deepEqual(keyed("from", "ArrowRight", { span: null }), [1, 10])
  assert.deepEqual(keyed("to", "ArrowLeft", { span: null }), [0, 9])
})

test("Delete and Backspace bring all bins back, other keys mean nothing", () => {
  assert.equal(keyed("from", "Delete"), null)
  assert.equal(keyed("to", "Backspace"), null)
  assert.equal(keyed("to", "a"), undefined)
})
