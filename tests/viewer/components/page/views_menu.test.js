// The saved views: their links, and the words beside them.

import assert from "node:assert/strict"
import { test } from "node:test"
import { describeView, linkOf, viewNamed } from "../../../../viewer/components/page/views_menu.js"

const view = (/** @type {object} */ more) => ({
  name: "a",
  query: "q=a",
  by: "Ada",
  at: "2026-05-01T12:00:00+00:00",
  current: true,
  ...more,
})

test("a link names its view whatever is in the name, and is found again", () => {
  for (const name of ["red things", "50% & more=1", "<b>", "ä+b #1?"]) {
    const named = view({ name })
    assert.equal(viewNamed(linkOf(name), [view({}), named]), named)
  }
  assert.equal(viewNamed("?q=a", [view({})]), undefined)
  assert.equal(viewNamed("?view=gone", [view({})]), undefined)
})

test("a view says who saved it and when, and whether the images have changed", () => {
  const now = Date.parse("2026-05-01T14:00:00Z")
  assert.equal(describeView(view({}), now), "Ada · 2 hours ago")
  assert.equal(
    describeView(view({ by: "", current: false }), now),
    "2 hours ago · the images have changed since",
  )
})
