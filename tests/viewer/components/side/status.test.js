import assert from "node:assert/strict"
import { test } from "node:test"
import { formatAge } from "../../../../viewer/components/side/status.js"

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

for (const [seconds, words] of /** @type {[number, string][]} */ ([
  [-5, "just now"],
  [0, "just now"],
  [59, "just now"],
  [MINUTE, "1 minute ago"],
  [2 * MINUTE - 1, "1 minute ago"],
  [HOUR - 1, "59 minutes ago"],
  [HOUR, "1 hour ago"],
  [DAY - 1, "23 hours ago"],
  [DAY, "1 day ago"],
  [364 * DAY, "364 days ago"],
  [365 * DAY, "1 year ago"],
  [3 * 365 * DAY, "3 years ago"],
])) {
  test(`${seconds} seconds are "${words}"`, () => {
    assert.equal(formatAge(seconds), words)
  })
}
