import assert from "node:assert/strict"
import { test } from "node:test"
import { shownLines } from "../../../../viewer/components/side/filter_panel.js"
import { barWidth } from "../../../../viewer/components/side/value_lines.js"

/** @import { ValuesFacet } from "../../../../viewer/components/types" */

/**
 * A column of twelve values, named by their place; `on` are those that pass.
 *
 * @param {Partial<ValuesFacet>} more
 * @param {(i: number) => boolean} on
 * @returns {ValuesFacet}
 */
function facet(more = {}, on = () => true) {
  const lines = Array.from({ length: 12 }, (_, i) => ({ value: String(i), whole: 9, now: 9, on: on(i) }))
  const column = {
    name: "c",
    title: "C",
    on: false,
    picks: false,
    missing: {},
    most: 9,
    total: 12,
    part: "",
    clock: "",
  }
  return { kind: "values", ...column, lines, ...more }
}

/** @param {{ value: string | null }[]} lines */
const names = (lines) => lines.map(({ value }) => Number(value))

test("the first eight values are shown, or all", () => {
  assert.deepEqual(names(shownLines(facet(), false)), [0, 1, 2, 3, 4, 5, 6, 7])
  assert.equal(shownLines(facet(), true).length, 12)
})

test("values that a filter picks or leaves out are shown too", () => {
  const picked = facet({ on: true, picks: true }, (i) => i === 10)
  assert.deepEqual(names(shownLines(picked, false)), [0, 1, 2, 3, 4, 5, 6, 7, 10])
  const leftOut = facet({ on: true, picks: false }, (i) => i !== 11)
  assert.deepEqual(names(shownLines(leftOut, false)), [0, 1, 2, 3, 4, 5, 6, 7, 11])
})

test("a bar is as wide as its share of the most, and never too narrow to be seen", () => {
  assert.equal(barWidth(5, 20), "max(2px, 25%)")
  assert.equal(barWidth(30, 20), "max(2px, 100%)")
  assert.equal(barWidth(0, 20), "0")
})

test("a button that would hide one or two values is left out, and they are shown", () => {
  const lines = facet().lines
  assert.equal(shownLines(facet({ lines: lines.slice(0, 9) }), false).length, 9)
  assert.equal(shownLines(facet({ lines: lines.slice(0, 10) }), false).length, 10)
  assert.equal(shownLines(facet({ lines: lines.slice(0, 11) }), false).length, 8)
})
