import assert from "node:assert/strict"
import { test } from "node:test"
import {
  leastShare,
  limitsOf,
  messageOfKey,
  stepsOfKey,
} from "../../../../viewer/components/layout/splitter.js"

test("arrows move a splitter by a step, Home and End as far as it goes", () => {
  assert.deepEqual(messageOfKey("ArrowLeft", 25), { kind: "grow", by: -1, least: 25 })
  assert.deepEqual(messageOfKey("ArrowRight", 25), { kind: "grow", by: 1, least: 25 })
  assert.deepEqual(messageOfKey("Home", 25), { kind: "grow", by: -20, least: 25 })
  assert.deepEqual(messageOfKey("End", 25), { kind: "grow", by: 20, least: 25 })
})

test("other keys do not move it", () => {
  assert.equal(messageOfKey("ArrowUp", 25), null)
  assert.equal(messageOfKey("l", 25), null)
})

test("the panels grow towards the map, and Home gives them the most", () => {
  assert.deepEqual(
    ["ArrowLeft", "ArrowRight", "Home", "End", "ArrowUp", "l"].map((key) => stepsOfKey(key, "beside")),
    [1, -1, 20, -20, undefined, undefined],
  )
  assert.deepEqual(
    ["ArrowUp", "ArrowDown", "Home", "End", "ArrowLeft"].map((key) => stepsOfKey(key, "below")),
    [1, -1, 20, -20, undefined],
  )
})

test("a group at its least size has half of a room without space for two", () => {
  assert.equal(leastShare(180, 720), 25)
  assert.equal(leastShare(180, 200), 50)
  assert.equal(leastShare(180, 0), 0)
})

test("a splitter leaves room for every group after it, and its limits never cross", () => {
  assert.deepEqual(limitsOf(25, 1), { low: 25, high: 75 })
  assert.deepEqual(limitsOf(25, 2), { low: 25, high: 50 })
  assert.deepEqual(limitsOf(2, 1), { low: 10, high: 90 })
  assert.deepEqual(limitsOf(40, 2), { low: 40, high: 40 })
})
