import assert from "node:assert/strict"
import { test } from "node:test"
import { clamp } from "../../../viewer/components/numbers.js"

test("a number beyond a limit becomes the limit, any other stays", () => {
  assert.equal(clamp(-1, 0, 10), 0)
  assert.equal(clamp(11, 0, 10), 10)
  assert.equal(clamp(0, -5, 5), 0)
  assert.equal(clamp(Number.NEGATIVE_INFINITY, 0, 10), 0)
})
