import assert from "node:assert/strict"
import { test } from "node:test"
import {
  actionOf,
  characters,
  inserted,
  parted,
  units,
} from "../../../../viewer/components/side/filter_text.js"
import { excessOf } from "../../../../viewer/components/side/value_lines.js"

const CLOSED = { count: 0, active: -1, isInWord: false, isChanged: false }
const OPEN = { ...CLOSED, count: 3 }

/**
 * @param {string} key
 * @param {Parameters<typeof actionOf>[1]} line
 */
const does = (key, line, shiftKey = false) => actionOf({ key, shiftKey }, line)

test("a place is counted in characters, also after an emoji", () => {
  const text = "name = 😀 and x"
  assert.equal(characters(text, 9), 8)
  assert.equal(units(text, 8), 9)
  assert.deepEqual(parted(text, { text, start: 7, end: 8, message: "" }), ["name = ", "😀", " and x"])
})

test("an option replaces the word that is typed, and the cursor stands after it", () => {
  assert.deepEqual(inserted("gr", { start: 0, end: 2 }, "group "), { text: "group ", at: 6 })
  assert.deepEqual(inserted("gr = a", { start: 0, end: 2 }, "group "), { text: "group = a", at: 5 })
  assert.deepEqual(inserted("a in (b)", { start: 6, end: 7 }, "c "), { text: "a in (c)", at: 7 })
})

test("arrows mark options, Enter takes the marked one or filters, Escape closes and then restores", () => {
  assert.equal(does("ArrowDown", OPEN), "down")
  assert.equal(does("ArrowUp", CLOSED), "")
  assert.equal(does("Enter", OPEN), "finish")
  assert.equal(does("Enter", { ...OPEN, active: 1 }), "accept")
  assert.equal(does("Escape", OPEN), "close")
  assert.equal(does("Escape", { ...CLOSED, isChanged: true }), "restore")
  assert.equal(does("Escape", CLOSED), "")
  assert.equal(does("a", OPEN), "")
})

test("Tab completes a word, and leaves the field where none is typed", () => {
  assert.equal(does("Tab", { ...OPEN, isInWord: true }), "accept")
  assert.equal(does("Tab", OPEN), "")
  assert.equal(does("Tab", { ...OPEN, isInWord: true }, true), "")
})

test("a value says how much more frequent it is in a part", () => {
  const line = { value: "a", whole: 9, now: 3, on: true }
  assert.equal(excessOf({ ...line, times: 2.5 }), "; 2.5 times as frequent as among all images")
  assert.equal(excessOf(line), "")
})
