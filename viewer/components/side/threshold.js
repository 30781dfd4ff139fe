// The histogram of all similarities, with a slider over it that sets the least similarity of a result.

import { h } from "../dom.js"
import { formatNumber } from "../text.js"

/** @import { Model } from "../types" */

/**
 * A histogram of similarities; {} without a query.
 *
 * @typedef {{ counts: number[], low: number, high: number } | { counts?: undefined }} Spread
 */

/**
 * The properties of the panel that the slider reads.
 *
 * @typedef {object} Limits
 * @property {Spread} spread of all similarities
 * @property {number | null} min_similarity the least similarity of a result
 * @property {number | null} max_similarity the largest one
 * @property {number | null} baseline the similarity that random words reach
 * @property {number} listed how many images are results
 */

/** For this many milliseconds after a person has moved the slider, the server's values are ignored. */
const HAND = 700

/** Least time between two messages, in milliseconds. */
const INTERVAL = 90

/** The lowest bar that is not empty, in percent of the plot's height. */
const LEAST_HEIGHT = 5

/** Hundredths of the range by which a key moves the slider; browsers differ for a step of "any". */
const STEPS = new Map([
  ["ArrowRight", 1],
  ["ArrowUp", 1],
  ["ArrowLeft", -1],
  ["ArrowDown", -1],
  ["PageUp", 10],
  ["PageDown", -10],
])

/**
 * Return the heights of the bars in percent. They follow the square root of the counts, so that the few good
 * matches are visible beside the many poor ones.
 *
 * @param {number[]} counts
 */
export function barHeights(counts) {
  const most = Math.sqrt(Math.max(...counts))
  return counts.map((count) => (count > 0 ? Math.max(LEAST_HEIGHT, (100 * Math.sqrt(count)) / most) : 0))
}

/**
 * Return for each bar whether its images are left out.
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

/** @param {Model<Limits>} model */
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
  /** Return the similarity at the slider; null at its low end, where all images are listed. */
  const least = () => {
    const value = Number(slider.value)
    return model.spread.counts && value > model.spread.low ? value : null
  }
  const colour = () => {
    if (!model.spread.counts) {
      return
    }
    const leftOut = barsLeftOut(model.spread, bars.children.length, least(), model.max_similarity)
    leftOut.forEach((isOut, i) => {
      bars.children[i]?.classList.toggle("out", isOut)
    })
  }
  const describe = () => {
    const some = `${Number(slider.value).toFixed(3)}, ${formatNumber(model.listed)} images`
    slider.setAttribute("aria-valuetext", model.min_similarity === null ? "all images" : some)
  }
  const send = () => {
    sentAt = performance.now()
    model.send_msg({ kind: "min_similarity", at: least() })
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
    slider.value = String(model.min_similarity ?? (model.spread.counts ? model.spread.low : 0))
    colour()
  }
  const follow = () => {
    clearTimeout(following)
    const still = performance.now() - movedAt
    if (still < HAND) {
      following = setTimeout(follow, HAND - still) // the server's value is older than the person's
    } else {
      setSlider()
    }
    describe()
  }
  const placeMark = () => {
    const { spread, baseline } = model
    mark.hidden = !spread.counts || baseline === null || !(baseline > spread.low && baseline < spread.high)
    if (spread.counts && baseline !== null && !mark.hidden) {
      mark.style.left = `${(100 * (baseline - spread.low)) / (spread.high - spread.low)}%`
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
  model.on("baseline", placeMark)
  model.on("min_similarity", follow)
  model.on("max_similarity", colour)
  model.on("listed", describe)
  build()
  return root
}
