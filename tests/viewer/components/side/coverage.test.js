// The answer about concepts, in a sentence.

import assert from "node:assert/strict"
import { test } from "node:test"
import { summary } from "../../../../viewer/components/side/coverage.js"

test("the sentence counts what is there, what is missing and what is unsure", () => {
  const sentence = summary({ all: 2020, there: 12, missing: 2000, unsure: 8 })
  assert.equal(sentence, "12 of 2,020 concepts are in the dataset; 2,000 are missing, and 8 are unsure.")
  assert.equal(
    summary({ all: 3, there: 1, missing: 1, unsure: 1 }),
    "1 of 3 concepts is in the dataset; 1 is missing, and 1 is unsure.",
  )
  assert.equal(summary({ all: 3, there: 3 }), "All 3 concepts are in the dataset.")
})

test("the sentence about one concept does not count, and one about none says so", () => {
  assert.equal(summary({ all: 1, there: 1 }), "It is in the dataset.")
  assert.equal(summary({ all: 1, missing: 1 }), "It is missing.")
  assert.equal(summary({ all: 1, unsure: 1 }), "Unsure: look at the nearest image.")
  assert.equal(summary({}), "There is no concept to look for in that.")
})
