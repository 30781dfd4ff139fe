import assert from "node:assert/strict"
import { test } from "node:test"
import { KEY_MESSAGES, KEY_TOOLS } from "../../../../viewer/components/page/shortcuts.js"

test("plus zooms in, with Shift or without, minus zooms out, zero shows the whole map", () => {
  assert.deepEqual(KEY_MESSAGES.get("+"), { kind: "zoom", by: 1 })
  assert.deepEqual(KEY_MESSAGES.get("="), { kind: "zoom", by: 1 })
  assert.deepEqual(KEY_MESSAGES.get("-"), { kind: "zoom", by: -1 })
  assert.deepEqual(KEY_MESSAGES.get("0"), { kind: "home" })
})

test("the right arrow steps to the next image, the left one to the one before", () => {
  assert.deepEqual(KEY_MESSAGES.get("ArrowRight"), { kind: "step", by: 1 })
  assert.deepEqual(KEY_MESSAGES.get("ArrowLeft"), { kind: "step", by: -1 })
})

test("L takes the lasso, B the box", () => {
  assert.equal(KEY_TOOLS.get("l"), "lasso")
  assert.equal(KEY_TOOLS.get("b"), "box")
})

test("brackets give the panels beside the map more room or less, braces those below", () => {
  assert.deepEqual(KEY_MESSAGES.get("]"), { kind: "grow", dock: "beside", by: 1 })
  assert.deepEqual(KEY_MESSAGES.get("["), { kind: "grow", dock: "beside", by: -1 })
  assert.deepEqual(KEY_MESSAGES.get("}"), { kind: "grow", dock: "below", by: 1 })
  assert.deepEqual(KEY_MESSAGES.get("{"), { kind: "grow", dock: "below", by: -1 })
})
