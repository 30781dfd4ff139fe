import assert from "node:assert/strict"
import { test } from "node:test"
import { cookieText, keepCookie } from "../../../viewer/components/cookies.js"

test("a value is kept for a year, and no value removes it", () => {
  assert.equal(
    cookieText("clipper-theme", "dark"),
    "clipper-theme=dark; path=/; max-age=31536000; SameSite=Strict",
  )
  assert.equal(cookieText("clipper-theme", ""), "clipper-theme=; path=/; max-age=0; SameSite=Strict")
})

/**
 * Keep a cookie in a page; return what was written.
 *
 * @param {{ framed: boolean, strict: boolean }} options whether it is in a frame, and keeps cookies there
 */
function written({ framed, strict }) {
  /** @type {string[]} */
  const texts = []
  const page = {
    get cookie() {
      return strict && texts.length > 0 ? "other=1; clipper-theme=dark" : "other=1"
    },
    set cookie(text) {
      texts.push(text)
    },
  }
  const view = { top: null }
  Object.assign(globalThis, { document: page, window: framed ? view : Object.assign(view, { top: view }) })
  keepCookie("clipper-theme", "dark")
  return texts
}

test("only in a frame that keeps no such cookie one is written that counts for that site alone", () => {
  assert.equal(written({ framed: false, strict: true }).length, 1)
  assert.equal(written({ framed: true, strict: true }).length, 1)
  const texts = written({ framed: true, strict: false })
  assert.equal(texts.length, 2)
  assert.match(texts[1] ?? "", /SameSite=None; Secure; Partitioned$/)
})
