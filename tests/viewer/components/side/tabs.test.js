import assert from "node:assert/strict"
import { test } from "node:test"
import { tabAfterKey } from "../../../../viewer/components/side/tabs.js"

const TABS = ["results", "filter", "selection"].map((key) => ({ key, title: key, count: 0 }))

test("arrows go to the next tab and to the one before, and round", () => {
  assert.equal(tabAfterKey("ArrowRight", TABS, "results"), "filter")
  assert.equal(tabAfterKey("ArrowRight", TABS, "selection"), "results")
  assert.equal(tabAfterKey("ArrowLeft", TABS, "filter"), "results")
  assert.equal(tabAfterKey("ArrowLeft", TABS, "results"), "selection")
})

test("other keys go nowhere", () => {
  assert.equal(tabAfterKey("ArrowDown", TABS, "filter"), null)
})
