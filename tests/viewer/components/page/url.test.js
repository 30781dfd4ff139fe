import assert from "node:assert/strict"
import { test } from "node:test"
import { composeSearch, isMoved } from "../../../../viewer/components/page/url.js"

test("an address has what others put there, then the state, then the view", () => {
  assert.equal(composeSearch("?theme=dark&q=old&at=1,2,3", "q=new", "4,5,6"), "theme=dark&q=new&at=4,5,6")
})

test("what is empty leaves no trace", () => {
  assert.equal(composeSearch("?q=old&at=1,2,3", "", ""), "")
  assert.equal(composeSearch("", "q=new", ""), "q=new")
})

test("a map is moved once it lies more than two pixels, or a thousandth of its unit, from its first view", () => {
  const first = { unit: 0.1, x: 5, y: 5 }
  assert.equal(isMoved(first, first), false)
  assert.equal(isMoved(first, { ...first, x: 5.19 }), false)
  assert.equal(isMoved(first, { ...first, y: 5.21 }), true)
  assert.equal(isMoved(first, { ...first, unit: 0.10009 }), false)
  assert.equal(isMoved(first, { ...first, unit: 0.0998 }), true)
})
