import assert from "node:assert/strict"
import { test } from "node:test"
import { formatCount, tabAfterKey } from "../../../../viewer/components/layout/tabs.js"

const TABS = ["results", "filter", "selection", "insights"].map((key) => ({ key, title: key, count: 0 }))

test("arrows go to the next tab and to the one before, and round", () => {
  assert.equal(tabAfterKey("ArrowRight", TABS, "results"), "filter")
  assert.equal(tabAfterKey("ArrowRight", TABS, "insights"), "results")
  assert.equal(tabAfterKey("ArrowLeft", TABS, "filter"), "results")
  assert.equal(tabAfterKey("ArrowLeft", TABS, "results"), "insights")
})

test("other keys go nowhere", () => {
  assert.equal(tabAfterKey("ArrowDown", TABS, "filter"), null)
})

test("a tab has room for five signs of a count", () => {
  assert.deepEqual([0, 1870, 9999, 10_000, 41_999, 1_234_567].map(formatCount), [
    "0",
    "1,870",
    "9,999",
    "10K",
    "41K",
    "1.2M",
  ])
})
