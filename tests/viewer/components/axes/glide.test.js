import assert from "node:assert/strict"
import { test } from "node:test"
import { eased } from "../../../../viewer/components/axes/glide.js"

test("a movement starts and ends slowly, and stays within its way", () => {
  assert.deepEqual([-1, 0, 0.5, 1, 2].map(eased), [0, 0, 0.5, 1, 1])
  assert.ok(eased(0.1) < 0.1)
  assert.ok(eased(0.9) > 0.9)
})
