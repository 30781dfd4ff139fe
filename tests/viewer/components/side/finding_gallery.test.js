import assert from "node:assert/strict"
import { test } from "node:test"
import { groupState } from "../../../../viewer/components/side/finding_gallery.js"

test("a group is chosen, in part, or not", () => {
  assert.equal(groupState(0, 3), "true")
  assert.equal(groupState(2, 3), "mixed")
  assert.equal(groupState(3, 3), "false")
})
