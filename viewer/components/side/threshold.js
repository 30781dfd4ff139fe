// The histogram of all similarities, and over it a slider: images less similar than it says are not listed.

import { h } from "../dom.js"
import { formatNumber } from "../text.js"

/** @import { Model } from "../types" */

/**
 * A histogram of similarities; {} without a query.
 *
 * @typedef {{ counts: number[], low: number, high: number } | { counts?: undefined }} Spread
 */

/** @typedef {{ spread: Spread, cut: number | null, cap: number | null, chance: number | null, listed: number }} Properties */

/** Milliseconds for which a hand that has moved the slider counts, not what the server says. */
const HAND = 700

/** Milliseconds between two values that are sent. */
const INTERVAL = 90

/** The least height of a bar that counts anything, in percent. */
const LEAST_HEIGHT = 5

/** How far a key moves the slider, in hundredths of its range: browsers do not agree on a step of "any". */
const STEPS = new Map([
  ["ArrowRight", 1],
  ["ArrowUp", 1],
  ["ArrowLeft", -1],
  ["ArrowDown", -1],
  ["PageUp", 10],
  ["PageDown", -10],
])

/**
 * The heights of the bars in percent, by the root of their counts: the few images that match well are then seen beside the
 * many that do not.
 *
 * @param {number[]} counts
 */
export function barHeights(counts) {
  const most = Math.sqrt(Math.max(...counts))
  return counts.map((count) => (count > 0 ? Math.max(LEAST_HEIGHT, (100 * Math.sqrt(count)) / most) : 0))
}

/**
 * Say of each bar whether its images are left out.
 *
 * @param {{ low: number, high: number }} spread
 * @param {number} count of bars
 * @param {number | null} least similarity of a result; null: all images
 * @param {number | null} most similarity of a result
 */
export function barsLeftOut({ low, high }, count, least, most) {
  const step = (high - low) / count
  return Array.from({ length: count }, (_, i) => {
    const middle = low + (i + 0.5) * step
    return (least !== null && middle < least) || (most !== null && middle > most)
  })
}

/** @param {Model<Properties>} model */
export function threshold(model) {
  const bars = h("div", { class: "bars", "aria-hidden": "true" })
  const slider = h("input", {
    type: "range",
    class: "slider",
    "aria-label": "Least similarity of a result",
    step: "any",
  })
  const mark = h("span", { class: "mark", "aria-hidden": "true" })
  const title =
    "How similar all images are. Drag to leave out the least similar; the dashed line is what words picked at random find."
  const root = h("div", { class: "threshold", title }, bars, mark, slider)
  let sentAt = 0
  let movedAt = Number.NEGATIVE_INFINITY
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let sending
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let following
  /** The similarity that the slider is at; null at its low end: all images are listed there. */
  const least = () => {
    const value = Number(slider.value)
    return model.spread.counts && value > model.spread.low ? value : null
  }
  const colour = () => {
    if (!model.spread.counts) {
      return
    }
    const leftOut = barsLeftOut(model.spread, bars.children.length, least(), model.cap)
    leftOut.forEach((isOut, i) => {
      bars.children[i]?.classList.toggle("out", isOut)
    })
  }
  const describe = () => {
    const some = `${Number(slider.value).toFixed(3)}, ${formatNumber(model.listed)} images`
    slider.setAttribute("aria-valuetext", model.cut === null ? "all images" : some)
  }
  const send = () => {
    sentAt = performance.now()
    model.send_msg({ kind: "cut", at: least() })
  }
  slider.addEventListener("input", () => {
    movedAt = performance.now()
    colour()
    clearTimeout(sending)
    sending = setTimeout(send, Math.max(0, INTERVAL - (movedAt - sentAt)))
  })
  slider.addEventListener("keydown", (event) => {
    const step = STEPS.get(event.key)
    if (step && model.spread.counts) {
      const { low, high } = model.spread
      event.preventDefault()
      slider.value = String(Number(slider.value) + (step * (high - low)) / 100)
      slider.dispatchEvent(new Event("input"))
    }
  })
  const setSlider = () => {
    slider.value = String(model.cut ?? (model.spread.counts ? model.spread.low : 0))
    colour()
  }
  const follow = () => {
    clearTimeout(following)
    const still = performance.now() - movedAt
    if (still < HAND) {
      following = setTimeout(follow, HAND - still) // what the server says is older than what the hand has set
    } else {
      setSlider()
    }
    describe()
  }
  const placeMark = () => {
    const { spread, chance } = model
    mark.hidden = !spread.counts || chance === null || !(chance > spread.low && chance < spread.high)
    if (spread.counts && chance !== null && !mark.hidden) {
      mark.style.left = `${(100 * (chance - spread.low)) / (spread.high - spread.low)}%`
    }
  }
  const build = () => {
    const { spread } = model
    root.hidden = !spread.counts?.length || !(spread.high > spread.low)
    if (!spread.counts || root.hidden) {
      return
    }
    bars.replaceChildren(
      ...barHeights(spread.counts).map((height) => h("span", { style: `height:${height}%` })),
    )
    slider.min = String(spread.low)
    slider.max = String(spread.high)
    movedAt = Number.NEGATIVE_INFINITY
    setSlider()
    placeMark()
    describe()
  }
  model.on("spread", build)
  model.on("chance", placeMark)
  model.on("cut", follow)
  model.on("cap", colour)
  model.on("listed", describe)
  build()
  return root
}
