// A figure and a page as far as the scripts of the map use them, without a browser.

/** @import { Figure, Range, Source } from "../../../../viewer/components/types" */

/**
 * @param {number} start
 * @param {number} end
 * @returns {Range}
 */
function range(start, end) {
  const fake = {
    start,
    end,
    min_interval: 0,
    max_interval: Number.POSITIVE_INFINITY,
    change: { connect() {}, disconnect() {}, emit() {} },
    /** @param {Partial<Range>} values */
    setv(values) {
      Object.assign(fake, values)
    },
  }
  return fake
}

/**
 * A figure of `width` by `height` pixels that shows a part of the map.
 *
 * @param {{ width?: number, height?: number, x?: [number, number], y?: [number, number] }} options
 * @returns {Figure}
 */
export function fakeFigure({ width = 1000, height = 500, x = [0, 10], y = [0, 5] } = {}) {
  return {
    name: null,
    inner_width: width,
    inner_height: height,
    x_range: range(...x),
    y_range: range(...y),
    renderers: [],
  }
}

/**
 * @template Columns
 * @param {Columns} data
 * @returns {Source<Columns>}
 */
export function fakeSource(data) {
  return {
    data,
    properties: { data: { change: { connect() {}, disconnect() {}, emit() {} } } },
    setv(values) {
      this.data = values.data
    },
  }
}

/**
 * Put a page without any element in the place of the browser's. `frame` runs what waits for the next frame of
 * the screen, at a time in milliseconds.
 *
 * @param {import("node:test").TestContext} t
 * @param {{ search?: string, isStill?: boolean, isInUse?: boolean }} options
 */
export function fakePage(t, { search = "", isStill = false, isInUse = false } = {}) {
  /** @type {((now: number) => void)[]} */
  let waiting = []
  let now = 0
  const page = {
    document: { querySelectorAll: () => [] },
    window: {
      devicePixelRatio: 2,
      location: { search },
      matchMedia: () => ({ matches: isStill, addEventListener() {} }),
    },
    navigator: { userActivation: { hasBeenActive: isInUse } },
    performance: { now: () => now },
    requestAnimationFrame: (/** @type {(now: number) => void} */ call) => waiting.push(call),
    ResizeObserver: class {
      observe() {}
    },
    Bokeh: { index: { find_one: () => null } },
  }
  for (const [name, value] of Object.entries(page)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name)
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
    t.after(() => {
      if (before) {
        Object.defineProperty(globalThis, name, before)
      } else {
        Reflect.deleteProperty(globalThis, name)
      }
    })
  }
  return {
    /** @param {number} time */
    frame(time) {
      now = time
      const calls = waiting
      waiting = []
      for (const call of calls) {
        call(time)
      }
    },
    /** Run frames until nothing waits for one. */
    rest() {
      while (waiting.length > 0) {
        this.frame(now + 16)
      }
    },
  }
}
