import assert from "node:assert/strict"
import { test } from "node:test"
import { themeCookie } from "../../../../viewer/components/page/theme_cookie.js"

test("a chosen theme is kept for a year, and following the system again removes it", () => {
  assert.equal(
    themeCookie("clipper-theme", "dark"),
    "clipper-theme=dark; path=/; max-age=31536000; SameSite=Strict",
  )
  assert.equal(themeCookie("clipper-theme", ""), "clipper-theme=; path=/; max-age=0; SameSite=Strict")
})
