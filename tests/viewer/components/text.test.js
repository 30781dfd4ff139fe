import assert from "node:assert/strict"
import { test } from "node:test"
import { countImages, formatNumber, formatValue, imageUrl } from "../../../viewer/components/text.js"

test("numbers have commas between their thousands", () => {
  assert.equal(formatNumber(1234567), "1,234,567")
  assert.equal(formatNumber(999), "999")
})

test("one image is singular, any other number plural", () => {
  assert.equal(countImages(1), "1 image")
  assert.equal(countImages(0), "0 images")
  assert.equal(countImages(1870), "1,870 images")
})

test("a blank value can be seen", () => {
  assert.equal(formatValue(" "), "Empty")
  assert.equal(formatValue(" a "), " a ")
})

test("an image's address names its bytes, and keeps the signs of an id that mean something else in an address", () => {
  const image = { id: "a b/c?d#e/ü.png", stamp: "1&2" }
  assert.equal(imageUrl("thumb", image, "/viewer"), "/viewer/img/thumb/a%20b/c%3Fd%23e/%C3%BC.png?is=1%262")
})
