import assert from "node:assert/strict"
import { test } from "node:test"
import { barHeights, barsLeftOut } from "../../../../viewer/components/side/threshold.js"

test("bars are as high as the root of their counts, and never too low to be seen", () => {
  assert.deepEqual(barHeights([10_000, 2500, 1, 0]), [100, 50, 5, 0])
})

test("the bars whose middle lies outside the limits are left out", () => {
  const spread = { low: 0, high: 1 }
  assert.deepEqual(barsLeftOut(spread, 4, null, null), [false, false, false, false])
  assert.deepEqual(barsLeftOut(spread, 4, 0.4, null), [true, true, false, false])
  assert.deepEqual(barsLeftOut(spread, 4, 0.3, 0.7), [true, false, false, true])
  assert.deepEqual(barsLeftOut({ low: 0.2, high: 0.4 }, 2, null, 0.3), [false, true])
})
