// The splitter after a group of panels. `panel-splitjs` draws it, and moves it by pointer; here it gets a name, the
// keyboard's focus and its keys.

/** @import { Message } from "../types" */

/** The least and the largest share of a group, in percent; `arrangement.py` has the same. */
const LEAST = 10
const MOST = 90
const HALF = 50

/** Steps to the right that each key moves a splitter: Home and End, as far as it goes. */
const STEPS = new Map([
  ["ArrowLeft", -1],
  ["ArrowRight", 1],
  ["Home", -20],
  ["End", 20],
])

/**
 * @typedef {object} Splitter
 * @property {number} following how many groups follow; 0: there is no splitter
 * @property {string} splitter the panels on both sides of it
 * @property {number} share what is before it, in percent
 */

/**
 * Return the share of a group at its least size, in percent: half of the room at most.
 *
 * @param {number} size the least, in pixels
 * @param {number} room pixels that the group and those after it have
 */
export function leastShare(size, room) {
  return Math.min(room > 0 ? (100 * size) / room : 0, HALF)
}

/**
 * Return the least and the largest share of a group that others follow, in percent.
 *
 * @param {number} least the share of one group at its least size
 * @param {number} following how many groups follow
 */
export function limitsOf(least, following) {
  const low = Math.max(least, LEAST)
  return { low, high: Math.max(Math.min(100 - least * following, MOST), low) }
}

/**
 * Return the message of a key that moves a splitter; null for any other key.
 *
 * @param {string} key
 * @param {number} least the share of a group at its least size, in percent
 * @returns {Message | null}
 */
export function messageOfKey(key, least) {
  const by = STEPS.get(key)
  return by === undefined ? null : { kind: "grow", by, least }
}

/**
 * Name the splitter after a group, and let keys move it. It is outside of the group's elements, and not there
 * before the page is laid out.
 *
 * @param {HTMLElement} host of an element in the group
 * @param {Splitter} splitter
 * @param {(message: Message) => void} send
 */
export function equipSplitter(host, splitter, send) {
  const root = host.getRootNode()
  const split = root instanceof ShadowRoot ? root.host.closest(".split") : null
  const gutter = split?.querySelector(":scope > .gutter")
  if (!(split && gutter instanceof HTMLElement) || splitter.following === 0) {
    return
  }
  const least = () => {
    const before = gutter.previousElementSibling
    const size = before instanceof HTMLElement ? Number.parseFloat(before.style.minWidth) : 0
    return leastShare(size + gutter.offsetWidth / 2, split.clientWidth)
  }
  const update = () => {
    const { low, high } = limitsOf(least(), splitter.following)
    const values = { min: low, max: high, now: Math.min(Math.max(splitter.share, low), high) }
    for (const [name, value] of Object.entries(values)) {
      gutter.setAttribute(`aria-value${name}`, String(Math.round(value)))
    }
  }
  gutter.tabIndex = 0
  gutter.setAttribute("role", "separator")
  gutter.setAttribute("aria-orientation", "vertical")
  gutter.setAttribute("aria-label", `Between ${splitter.splitter}`)
  gutter.onfocus = update // the page may have another size now
  gutter.onkeydown = (event) => {
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey
    const message = hasModifier ? null : messageOfKey(event.key, least())
    if (message) {
      event.preventDefault()
      send(message)
    }
  }
  update()
}
