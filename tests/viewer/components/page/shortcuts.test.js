import assert from "node:assert/strict"
import { test } from "node:test"
import { KEY_MESSAGES } from "../../../../viewer/components/page/shortcuts.js"

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
  assert.deepEqual(KEY_MESSAGES.get("l"), { kind: "tool", tool: "lasso" })
  assert.deepEqual(KEY_MESSAGES.get("b"), { kind: "tool", tool: "box" })
})

test("brackets give the panels beside the map more room or less, braces those below", () => {
  assert.deepEqual(KEY_MESSAGES.get("]"), { kind: "grow", dock: "beside", by: 1 })
  assert.deepEqual(KEY_MESSAGES.get("["), { kind: "grow", dock: "beside", by: -1 })
  assert.deepEqual(KEY_MESSAGES.get("}"), { kind: "grow", dock: "below", by: 1 })
  assert.deepEqual(KEY_MESSAGES.get("{"), { kind: "grow", dock: "below", by: -1 })
})
