import assert from "node:assert/strict"
import { test } from "node:test"
import { formatLimits } from "../../../../viewer/components/side/gallery.js"

test("the limits of the listed similarities are written in a few letters", () => {
  assert.equal(formatLimits(null, null), "")
  assert.equal(formatLimits(0.25, null), " ≥\u00a00.250")
  assert.equal(formatLimits(null, 0.3), " ≤\u00a00.300")
  assert.equal(formatLimits(0.25, 0.3), " 0.250\u00a0–\u00a00.300")
  assert.equal(formatLimits(0, null), " ≥\u00a00.000")
})
