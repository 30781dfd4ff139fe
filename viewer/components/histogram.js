// The histogram of a column: bars of all images, in front of them bars of the images that pass the filters,
// and a brush that filters.

import { draggedSpan, keyedSpan, pressedSpan } from "./bin_span.js"
import { h } from "./dom.js"
import { clamp } from "./numbers.js"

/** @import { Drag, Span } from "./bin_span.js" */
/** @import { Chart } from "./types" */

/** A drag sends a range at most once in this many milliseconds. */
const INTERVAL = 70

/** Milliseconds after which the script no longer waits for the server's answer to a range. */
const LATE = 5000

/** A press becomes a drag once the pointer has moved this many pixels. */
const STILL = 3

/** The lowest bar that is not empty, in percent of the plot's height. */
const LEAST_HEIGHT = 3

/** @type {Chart} */
const NO_CHART = { whole: [], now: [], labels: [], tops: [], low: "", high: "", span: [] }

const ENDS = /** @type {const} */ (["from", "to"])

/**
 * Return the height of a bar as CSS.
 *
 * @param {number} count
 * @param {number} most that a bar counts
 */
export function barHeight(count, most) {
  return count > 0 ? `${Math.max(LEAST_HEIGHT, (100 * count) / most)}%` : "0"
}

/**
 * Build a histogram. `update` shows another chart, but keeps the person's span during a drag and until the
 * server has answered it.
 *
 * @param {string} title
 * @param {(span: Span) => void} send
 */
export function histogram(title, send) {
  const bars = h("div", { class: "bars", "aria-hidden": "true" })
  const brush = h("div", { class: "brush" })
  const ends = ENDS.map((name) => endOf(title, name))
  const plot = h("div", { class: "plot" }, bars, brush, ends)
  const [low, high] = [h("span"), h("span")]
  const el = h("div", { class: "histogram" }, plot, h("div", { class: "ends" }, low, high))

  let chart = NO_CHART
  /** @type {Span} */
  let span = null
  /** @type {{ drag: Drag, x: number, moved: boolean } | null} */
  let held = null
  const count = () => chart.whole.length

  const show = () => {
    const [first, last] = span ?? [0, count()]
    el.classList.toggle("on", span !== null)
    brush.style.left = `${(100 * first) / count()}%`
    brush.style.width = `${(100 * (last - first)) / count()}%`
    ends.forEach((end, i) => {
      const at = i === 0 ? first : last
      end.style.left = `${(100 * at) / count()}%`
      end.setAttribute("aria-valuemin", "0")
      end.setAttribute("aria-valuemax", String(count()))
      end.setAttribute("aria-valuenow", String(at))
      end.setAttribute("aria-valuetext", (i === 0 ? chart.labels : chart.tops)[at] ?? "")
    })
    ;[...bars.children].forEach((bar, i) => {
      bar.classList.toggle("out", span !== null && (i < first || i >= last))
    })
    const namesSpan = span !== null && held !== null
    low.textContent = namesSpan ? (chart.labels[first] ?? "") : chart.low
    high.textContent = namesSpan ? (chart.tops[last] ?? "") : chart.high
  }
  const sender = sendsSpans(send)
  /** @param {Span} next */
  const set = (next) => {
    span = next
    show()
  }

  /** @param {PointerEvent} event */
  const binAt = (event) => {
    const box = plot.getBoundingClientRect()
    return clamp((event.clientX - box.left) / box.width, 0, 1) * count()
  }
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) {
      return
    }
    const end = event.target instanceof HTMLDivElement ? ends.indexOf(event.target) : -1
    held = { drag: beginDrag(binAt(event), end, span, count()), x: event.clientX, moved: false }
    plot.setPointerCapture(event.pointerId)
    event.preventDefault()
    focusQuietly(ends[end])
  })
  plot.addEventListener("pointermove", (event) => {
    if (!held || (!held.moved && Math.abs(event.clientX - held.x) < STILL)) {
      return
    }
    held.moved = true
    set(draggedSpan(held.drag, binAt(event), count()))
    sender.soon(span)
  })
  const release = () => {
    if (!held) {
      return
    }
    const { drag, moved } = held
    held = null
    set(moved ? span : pressedSpan(drag, span, count()))
    sender.now(span)
  }
  plot.addEventListener("pointerup", release)
  plot.addEventListener("pointercancel", release)
  ENDS.forEach((name, i) => {
    ends[i]?.addEventListener("keydown", (event) => {
      const next = keyedSpan(span, name, event, count())
      if (next !== undefined) {
        event.preventDefault()
        set(next)
        sender.soon(span)
      }
    })
  })
  /** @param {Chart} next */
  const update = (next) => {
    chart = next
    fillBars(bars, chart)
    if (!sender.awaits(chart.span) && !held) {
      const [first, last] = chart.span
      span = first === undefined || last === undefined ? null : [first, last]
    }
    show()
  }
  return { el, update }
}

/**
 * Return the drag that a press begins: on an end, within the span, or elsewhere.
 *
 * @param {number} at in bins
 * @param {number} end the index of the end that is pressed, -1 for none
 * @param {Span} span
 * @param {number} count of bins
 * @returns {Drag}
 */
export function beginDrag(at, end, span, count) {
  const [first, last] = span ?? [0, count]
  if (end >= 0) {
    return { kind: "end", fixed: end === 0 ? last : first }
  }
  return span && at >= first && at <= last
    ? { kind: "move", at, span }
    : { kind: "new", fixed: Math.floor(at) }
}

/**
 * Send spans at most once per INTERVAL. Keep track of the server's answers: an answer to an earlier span is
 * out of date.
 *
 * @param {(span: Span) => void} send
 */
function sendsSpans(send) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let sentAt = 0
  let askedAt = 0
  /** @type {string | null} */
  let asked = null
  /** @param {Span} span */
  const now = (span) => {
    clearTimeout(timer)
    asked = JSON.stringify(span ?? [])
    askedAt = sentAt = performance.now()
    send(span)
  }
  /** @param {Span} span */
  const soon = (span) => {
    clearTimeout(timer)
    asked = JSON.stringify(span ?? [])
    askedAt = performance.now()
    const wait = INTERVAL - (askedAt - sentAt)
    if (wait > 0) {
      timer = setTimeout(() => now(span), wait)
    } else {
      now(span)
    }
  }
  /** @param {number[]} answered */
  const awaits = (answered) => {
    if (JSON.stringify(answered) === asked || performance.now() - askedAt > LATE) {
      asked = null
    }
    return asked !== null
  }
  return { now, soon, awaits }
}

/**
 * @param {string} title
 * @param {"from" | "to"} name
 */
function endOf(title, name) {
  return h("div", { class: `end ${name}`, role: "slider", tabindex: "0", "aria-label": `${title}, ${name}` })
}

/**
 * Give an element the focus without its outline, because the pointer is on it.
 *
 * @param {HTMLElement | undefined} el
 */
function focusQuietly(el) {
  el?.focus(/** @type {FocusOptions} */ ({ focusVisible: false }))
}

/**
 * @param {HTMLElement} bars
 * @param {Chart} chart
 */
function fillBars(bars, { whole, now, colours }) {
  const most = Math.max(1, ...whole)
  if (bars.children.length !== whole.length) {
    bars.replaceChildren(...whole.map(() => h("div", { class: "bar" }, h("i"), h("i"))))
  }
  ;[...bars.children].forEach((bar, i) => {
    const [all, some] = bar.querySelectorAll("i")
    if (all && some) {
      all.style.height = barHeight(whole[i] ?? 0, most)
      some.style.height = barHeight(now[i] ?? 0, most)
      const colour = colours?.[i]
      bar.classList.toggle("coloured", Boolean(colour))
      if (bar instanceof HTMLElement) {
        bar.style.setProperty("--colour", colour ?? "")
      }
    }
  })
}
