// The keys that label images.

import assert from "node:assert/strict"
import { test } from "node:test"
import { labelOfKey } from "../../../../viewer/components/side/label_line.js"

const press = (/** @type {string} */ key, more = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
})

test("a digit asks for its label if there is one, and 0 or Backspace takes labels away", () => {
  assert.equal(labelOfKey(press("1"), 3), 0)
  assert.equal(labelOfKey(press("3"), 3), 2)
  assert.equal(labelOfKey(press("4"), 3), null)
  assert.equal(labelOfKey(press("0"), 3), "clear")
  assert.equal(labelOfKey(press("Backspace"), 0), "clear")
  assert.equal(labelOfKey(press("a"), 3), null)
  assert.equal(labelOfKey(press("1", { ctrlKey: true }), 3), null)
})
