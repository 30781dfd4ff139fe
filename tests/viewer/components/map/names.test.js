// Where a name's box lies, and whether it can be read there.

import assert from "node:assert/strict"
import { test } from "node:test"
import { boxOf, isReadable } from "../../../../viewer/components/map/names.js"

const PANE = { width: 400, height: 300 }
const CARD = { left: 0, right: 120, top: 0, bottom: 80 }

test("a name's box lies around its middle", () => {
  const box = boxOf({ width: 80, height: 20 }, { x: 200, y: 100 })
  assert.equal((box.left + box.right) / 2, 200)
  assert.equal((box.top + box.bottom) / 2, 100)
  assert.ok(box.right - box.left > 80 && box.bottom - box.top > 20)
})

test("a name can be read within the pane and beside the cards", () => {
  /** @param {number} x @param {number} y */
  const at = (x, y) => isReadable(boxOf({ width: 60, height: 20 }, { x, y }), PANE, [CARD])
  assert.ok(at(200, 150))
  assert.ok(at(60, 150))
  assert.ok(!at(100, 40))
  assert.ok(!at(600, 150))
  assert.ok(!at(200, -40))
})
