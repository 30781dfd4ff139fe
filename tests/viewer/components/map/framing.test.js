import assert from "node:assert/strict"
import { test } from "node:test"
import { frameParts, readView, viewBetween, writeView } from "../../../../viewer/components/map/framing.js"

/** @import { Box, Card, Pane } from "../../../../viewer/components/map/framing.js" */
/** @import { MapView } from "../../../../viewer/components/types" */

/** @type {Pane} */
const PANE = { w: 1000, h: 500, padding: 1.25, reach: { x: 0, y: 0 } }
const WIDE = { left: 0, right: 8, top: -2, bottom: 0 }
const TALL = { left: 0, right: 2, top: -4, bottom: 0 }

/** @type {Card} */
const UPPER_LEFT = { left: true, top: true, x: 300, y: 100 }

/**
 * A box of the map in pixels of the pane.
 *
 * @param {Box} box
 * @param {MapView} view
 * @param {Pane} pane
 * @returns {Box}
 */
function shown(box, { unit, x, y }, { w, h }) {
  const across = (/** @type {number} */ at) => (at - x) / unit + w / 2
  const down = (/** @type {number} */ at) => (at + y) / unit + h / 2
  return { left: across(box.left), right: across(box.right), top: down(box.top), bottom: down(box.bottom) }
}

/**
 * A box within WIDE, turned round to its other side and upside down.
 *
 * @param {Box} box
 * @param {boolean} across
 * @param {boolean} over
 * @returns {Box}
 */
function turn({ left, right, top, bottom }, across, over) {
  const x = across ? { left: 8 - right, right: 8 - left } : { left, right }
  return { ...x, ...(over ? { top: -2 - bottom, bottom: -2 - top } : { top, bottom }) }
}

/**
 * @param {number} actual
 * @param {number} expected
 */
function assertNear(actual, expected) {
  assert.ok(
    Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
    `${actual} is not ${expected}`,
  )
}

/**
 * Random numbers from 0 to 1, the same every time (mulberry32).
 *
 * @param {number} seed
 */
function randomFrom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test("a view fills the pane but for the margin that its padding leaves", () => {
  const wide = shown(WIDE, frameParts(WIDE, [], [], PANE), PANE)
  assertNear(wide.left, 100)
  assertNear(wide.right, 900)
  assertNear((wide.top + wide.bottom) / 2, 250)
  const tall = shown(TALL, frameParts(TALL, [], [], PANE), PANE)
  assertNear(tall.top, 50)
  assertNear(tall.bottom, 450)
  assertNear((tall.left + tall.right) / 2, 500)
})

test("what is drawn beyond the edge of a view stays in the pane", () => {
  const pane = { ...PANE, reach: { x: 150, y: 0 } }
  const { left, right } = shown(WIDE, frameParts(WIDE, [], [], pane), pane)
  assertNear(left, 150)
  assertNear(right, 850)
})

test("a part lies twenty pixels beside a card where that leaves more room", () => {
  const { left, right } = shown(TALL, frameParts(TALL, [TALL], [{ ...UPPER_LEFT, x: 600 }], PANE), PANE)
  assertNear(left, 620)
  assert.ok(right <= 900)
})

test("a part lies twenty pixels past a card where that leaves more room", () => {
  const { top, bottom } = shown(WIDE, frameParts(WIDE, [WIDE], [{ ...UPPER_LEFT, y: 260 }], PANE), PANE)
  assertNear(top, 280)
  assertNear(bottom, 450)
})

test("the room beside a card on the right and at the bottom is kept too", () => {
  const card = { left: false, top: false, x: 600, y: 400 }
  const { right } = shown(TALL, frameParts(TALL, [TALL], [card], PANE), PANE)
  assertNear(right, 380)
  const low = { left: false, top: false, x: 300, y: 260 }
  const { bottom } = shown(WIDE, frameParts(WIDE, [WIDE], [low], PANE), PANE)
  assertNear(bottom, 220)
})

test("a part that is drawn beyond its edge keeps that much more from a card", () => {
  const pane = { ...PANE, reach: { x: 30, y: 10 } }
  const beside = shown(TALL, frameParts(TALL, [TALL], [{ ...UPPER_LEFT, x: 600 }], pane), pane)
  assertNear(beside.left, 650)
  const past = shown(WIDE, frameParts(WIDE, [WIDE], [{ ...UPPER_LEFT, y: 260 }], pane), pane)
  assertNear(past.top, 290)
})

test("the view stays in the middle where no card hides a part of it", () => {
  const small = { left: 4, right: 4.2, top: -1, bottom: -0.8 }
  const view = frameParts(WIDE, [small], [{ ...UPPER_LEFT, x: 200 }], PANE)
  assertNear(view.x, 4)
  assertNear(view.y, 1)
  assert.deepEqual(view, frameParts(WIDE, [], [], PANE))
})

test("cards are ignored once room for them would leave less than a quarter of the scale", () => {
  const plain = frameParts(WIDE, [], [], PANE)
  const beside = (/** @type {number} */ x) => frameParts(WIDE, [WIDE], [{ ...UPPER_LEFT, x, y: 490 }], PANE)
  const narrow = beside(900 - 20 - 0.26 * 800)
  assertNear(plain.unit / narrow.unit, 0.26)
  assert.deepEqual(beside(900 - 20 - 0.24 * 800), plain)
})

test("parts that lie beside a card and parts that lie past it need no other view", () => {
  const beside = { left: 7, right: 8, top: -2, bottom: -1.8 }
  const past = { left: 0, right: 1, top: -0.5, bottom: 0 }
  const plain = frameParts(WIDE, [], [], PANE)
  for (const [left, top] of [
    [true, true],
    [false, true],
    [true, false],
    [false, false],
  ]) {
    const turned = [beside, past].map((box) => turn(box, !left, !top))
    const view = frameParts(WIDE, turned, [{ left: left ?? true, top: top ?? true, x: 600, y: 250 }], PANE)
    assert.deepEqual(view, plain)
  }
})

test("of two views of one scale the one nearer to the middle is shown", () => {
  const hidden = { left: 0, right: 0.5, top: -1.9, bottom: -1.8 }
  const clear = { left: 7, right: 7.5, top: -2, bottom: -1.9 } // past the card it would need more
  const view = frameParts(WIDE, [hidden, clear], [{ ...UPPER_LEFT, y: 160 }], PANE)
  assertNear(shown(hidden, view, PANE).top, 180)
  assertNear(view.unit, frameParts(WIDE, [], [], PANE).unit)
})

test("parts are kept clear of several cards at once", () => {
  const right = { left: false, top: false, x: 250, y: 400 }
  const { left, right: end } = shown(
    TALL,
    frameParts(TALL, [TALL], [{ ...UPPER_LEFT, x: 550, y: 400 }, right], PANE),
    PANE,
  )
  assertNear(left, 570)
  assert.ok(end <= 730 + 1e-9)
})

test("no other way past a card would have left more room", () => {
  const random = randomFrom(5)
  const between = (/** @type {number} */ low, /** @type {number} */ high) => low + (high - low) * random()
  const air = 20
  for (let round = 0; round < 200; round++) {
    const pane = { w: between(300, 1500), h: between(300, 1500), padding: 1.08, reach: { x: 0, y: 0 } }
    const { w, h } = pane
    const card = { left: random() < 0.5, top: random() < 0.5, x: 0.2 * w, y: 0.4 * h }
    const boxes = Array.from({ length: 1 + Math.floor(8 * random()) }, () => {
      const [x, y] = [between(-5, 5), between(-5, 5)]
      return { left: x, right: x + between(0.1, 2), top: y, bottom: y + between(0.1, 2) }
    })
    const whole = {
      left: Math.min(...boxes.map((box) => box.left)),
      right: Math.max(...boxes.map((box) => box.right)),
      top: Math.min(...boxes.map((box) => box.top)),
      bottom: Math.max(...boxes.map((box) => box.bottom)),
    }
    const several = frameParts(whole, boxes, [card], pane)
    const single = frameParts(whole, [whole], [card], pane)
    const none = frameParts(whole, [], [card], pane)
    const [across, down] = [whole.right - whole.left, whole.bottom - whole.top]
    const beside = Math.max(across / (w * (1 - 0.04 / 1.08) - card.x - air), (down * 1.08) / h)
    const past = Math.max((across * 1.08) / w, down / (h * (1 - 0.04 / 1.08) - card.y - air))
    assertNear(single.unit, Math.min(beside, past))
    assert.ok(none.unit <= several.unit * (1 + 1e-9))
    assert.ok(several.unit <= single.unit * (1 + 1e-9))
    assertNear(none.x, (whole.left + whole.right) / 2)
    for (const box of boxes) {
      const { left, right, top, bottom } = shown(box, several, pane)
      const clear = air - 1e-6
      const isBeside = card.left ? left >= card.x + clear : right <= w - card.x - clear
      const isPast = card.top ? top >= card.y + clear : bottom <= h - card.y - clear
      assert.ok(left > 0 && right < w && top > 0 && bottom < h, "a part is outside the pane")
      assert.ok(isBeside || isPast, "a card hides a part")
    }
  }
})

test("a glide begins and ends at its two views", () => {
  const from = { unit: 1, x: 0, y: 0 }
  const to = { unit: 0.25, x: 30, y: -10 }
  assert.deepEqual(viewBetween(from, to, 0), from)
  assert.equal(viewBetween(from, to, 1), to)
  assert.equal(viewBetween(from, to, 1.5), to)
})

test("half way a glide has the middle unit by ratio, and is slow at both ends", () => {
  const from = { unit: 1, x: 0, y: 0 }
  const to = { unit: 0.25, x: 30, y: -10 }
  assertNear(viewBetween(from, to, 0.5).unit, 0.5)
  const pan = { unit: 1, x: 100, y: 0 }
  assertNear(viewBetween(from, pan, 0.5).x, 50)
  assertNear(viewBetween(from, pan, 0.1).x, 0.4)
  assertNear(viewBetween(from, pan, 0.9).x, 99.6)
})

test("a zooming glide keeps one point of the map at its pixel", () => {
  const from = { unit: 1, x: 0, y: 0 }
  const to = { unit: 0.25, x: 30, y: -10 }
  const still = { x: 40, y: -40 / 3 } // (still - x) / unit is the same in both views
  for (const progress of [0, 0.2, 0.5, 0.8]) {
    const { unit, x, y } = viewBetween(from, to, progress)
    assertNear((still.x - x) / unit, 40)
    assertNear((still.y - y) / unit, -40 / 3)
  }
})

test("a view is written as its middle and what the shorter side shows, and read again", () => {
  const text = writeView({ unit: 0.01234567, x: 1.5, y: -20 }, 500)
  assert.equal(text, "1.5,-20,6.17284")
  const { unit, x, y } = readView(text, 250) ?? assert.fail()
  assertNear(unit, 6.17284 / 250)
  assert.deepEqual([x, y], [1.5, -20])
})

for (const text of [
  "",
  "1,2",
  "1,,3",
  "a,b,c",
  "1,2,0",
  "1,2,-3",
  "Infinity,0,1",
  "0,-Infinity,1",
  "0,0,1e31",
  "1e30,0,1",
  " , , ",
]) {
  test(`"${text}" is no view`, () => {
    assert.equal(readView(text, 500), null)
  })
}
