// The keys of undo and redo.

import assert from "node:assert/strict"
import { test } from "node:test"
import { askedFor } from "../../../../viewer/components/page/undo.js"

const press = (/** @type {string} */ key, /** @type {string[]} */ ...held) =>
  askedFor({
    key,
    ctrlKey: held.includes("ctrl"),
    metaKey: held.includes("meta"),
    shiftKey: held.includes("shift"),
    altKey: held.includes("alt"),
  })

test("the keys of all systems undo and redo, and no others", () => {
  assert.equal(press("z", "ctrl"), "undo")
  assert.equal(press("z", "meta"), "undo")
  assert.equal(press("Z", "ctrl", "shift"), "redo")
  assert.equal(press("y", "ctrl"), "redo")
  assert.equal(press("z"), "")
  assert.equal(press("Y", "ctrl", "shift"), "")
  assert.equal(press("z", "ctrl", "alt"), "")
})
