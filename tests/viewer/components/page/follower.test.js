import assert from "node:assert/strict"
import { test } from "node:test"
import { isQuiet } from "../../../../viewer/components/page/follower.js"

const MOVING = { isHidden: false, isHeld: false, sinceReady: 1000, sinceMoved: 100 }

test("a page that nobody sees is quiet", () => {
  assert.equal(isQuiet({ ...MOVING, isHidden: true, isHeld: true }), true)
})

test("half a second without a movement is a pause", () => {
  assert.equal(isQuiet(MOVING), false)
  assert.equal(isQuiet({ ...MOVING, sinceMoved: 500 }), false)
  assert.equal(isQuiet({ ...MOVING, sinceMoved: 501 }), true)
})

test("a person who moves without a pause is waited for two seconds", () => {
  assert.equal(isQuiet({ ...MOVING, sinceReady: 2000 }), false)
  assert.equal(isQuiet({ ...MOVING, sinceReady: 2001 }), true)
})

test("a person who holds a button down is waited for fifteen seconds", () => {
  const held = { ...MOVING, isHeld: true, sinceMoved: 14_000 }
  assert.equal(isQuiet({ ...held, sinceReady: 15_000 }), false)
  assert.equal(isQuiet({ ...held, sinceReady: 15_001 }), true)
})
