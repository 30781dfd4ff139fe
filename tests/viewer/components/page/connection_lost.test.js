import assert from "node:assert/strict"
import { test } from "node:test"
import { isTooOften, recentTimes } from "../../../../viewer/components/page/connection_lost.js"

const NOW = 1_000_000

test("only the openings of the last minute count", () => {
  assert.deepEqual(recentTimes([NOW - 60_000, NOW - 59_999, NOW], NOW), [NOW - 59_999, NOW])
})

test("the page opens by itself three times a minute, then it leaves that to the person", () => {
  assert.equal(isTooOften([NOW - 2, NOW - 1], NOW), false)
  assert.equal(isTooOften([NOW - 3, NOW - 2, NOW - 1], NOW), true)
  assert.equal(isTooOften([NOW - 70_000, NOW - 2, NOW - 1], NOW), false)
})
