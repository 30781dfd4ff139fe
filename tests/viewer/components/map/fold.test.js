import assert from "node:assert/strict"
import { test } from "node:test"
import { gradient, isFolded } from "../../../../viewer/components/map/fold.js"

test("until a person chooses, the legend is folded in a narrow pane only", () => {
  assert.equal(isFolded(null, true), true)
  assert.equal(isFolded(null, false), false)
})

test("what a person chose holds in every pane", () => {
  for (const isNarrow of [true, false]) {
    assert.equal(isFolded("folded", isNarrow), true)
    assert.equal(isFolded("open", isNarrow), false)
  }
})

test("the colours of a scale run into one another, those of categories do not", () => {
  assert.equal(gradient(["red", "blue"], true), "linear-gradient(90deg, red, blue)")
  assert.equal(gradient(["red", "blue"], false), "linear-gradient(90deg, red 0% 50%, blue 50% 100%)")
})
