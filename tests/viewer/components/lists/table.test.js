import assert from "node:assert/strict"
import { test } from "node:test"
import { firstRow, scrollFor } from "../../../../viewer/components/lists/table.js"

const HEIGHT = 500

test("a row that is scrolled to is at the top, however many there are", () => {
  for (const total of [1, 20, 1_870, 1_000_000, 10_000_000]) {
    for (const part of [0, 0.25, 0.5, 1]) {
      const row = Math.max(total - HEIGHT / 44, 0) * part
      assert.ok(Math.abs(firstRow(scrollFor(row, total, HEIGHT), total, HEIGHT) - row) < 0.01)
    }
  }
})

test("the end of the scroll bar is the end of ten million rows", () => {
  const last = firstRow(12_000_000 - HEIGHT, 10_000_000, HEIGHT)
  assert.ok(Math.abs(last + HEIGHT / 44 - 10_000_000) < 0.01)
})
