import assert from "node:assert/strict"
import { test } from "node:test"
import { cardAfterKey } from "../../../viewer/components/focus.js"

const GRID = { columns: 3, count: 8 }

test("arrows go to the card beside, above and below", () => {
  const keys = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"]
  assert.deepEqual(
    keys.map((key) => cardAfterKey(key, 4, GRID)),
    [5, 3, 7, 1],
  )
})

test("Home and End go to the first and the last card", () => {
  assert.equal(cardAfterKey("Home", 4, GRID), 0)
  assert.equal(cardAfterKey("End", 4, GRID), 7)
})

test("other keys go nowhere", () => {
  assert.equal(cardAfterKey("a", 4, GRID), null)
})
