import assert from "node:assert/strict"
import { test } from "node:test"
import { cardPlace } from "../../../../viewer/components/map/hover_card.js"

const MAP = { width: 1000, height: 600 }

test("the card stands to the right of its image, a little above the middle", () => {
  assert.deepEqual(cardPlace({ x: 300, y: 300, reach: 5 }, MAP, 200), { x: 317, y: 240 })
})

test("near the right edge it stands to the left", () => {
  assert.deepEqual(cardPlace({ x: 807, y: 300, reach: 5 }, MAP, 200), { x: 824, y: 240 })
  assert.deepEqual(cardPlace({ x: 808, y: 300, reach: 5 }, MAP, 200), { x: 615, y: 240 })
})

test("it stays eight pixels within the map", () => {
  assert.equal(cardPlace({ x: 300, y: 10, reach: 5 }, MAP, 200).y, 8)
  assert.equal(cardPlace({ x: 300, y: 590, reach: 5 }, MAP, 200).y, 392)
  assert.deepEqual(cardPlace({ x: 60, y: 50, reach: 5 }, { width: 150, height: 100 }, 200), { x: 8, y: 8 })
})
