// Splitters: after a group of panels, and between the map and the panels. `panel-splitjs` draws them, and moves
// them by pointer; here they get a name, the keyboard's focus and their keys.

import { findByClass } from "../find.js"
import { growMessage } from "./grow.js"

/** @import { Message } from "../types" */

/** The least and the largest share of a group, in percent; `arrangement.py` has the same. */
const LEAST = 10
const MOST = 90
const HALF = 50

/** The least and the largest share of the page that a dock takes, in percent; `arrangement.py` has the same. */
const LEAST_DOCK = 10
const MOST_DOCK = 85

/** Steps to the right that each key moves a splitter: Home and End, as far as it goes. */
const STEPS = new Map([
  ["ArrowLeft", -1],
  ["ArrowRight", 1],
  ["Home", -20],
  ["End", 20],
])

/** Steps by which each key makes the panels beside the map wider, or those below it higher. */
const DOCK_STEPS = {
  beside: new Map([
    ["ArrowLeft", 1],
    ["ArrowRight", -1],
  ]),
  below: new Map([
    ["ArrowUp", 1],
    ["ArrowDown", -1],
  ]),
}
const TO_ENDS = new Map([
  ["Home", 20],
  ["End", -20],
])

/** @typedef {"beside" | "below"} Dock */

/**
 * @typedef {object} DockInView
 * @property {Dock} dock
 * @property {number} share of the page, in percent
 * @property {string} panels the panels in view
 * @property {number} least its least size, in pixels
 * @property {number} leastMap the map's least size, in pixels
 */

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
 * Return how many steps larger a key makes the panels beside the map, or below it; undefined for another key.
 *
 * @param {string} key
 * @param {Dock} dock
 */
export function stepsOfKey(key, dock) {
  const by = DOCK_STEPS[dock].get(key)
  return by ?? TO_ENDS.get(key)
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
  equip(gutter, {
    label: `Between ${splitter.splitter}`,
    orientation: "vertical",
    limits: () => limitsOf(least(), splitter.following),
    share: splitter.share,
    send,
    messageOf: (key) => messageOfKey(key, least()),
  })
}

/** @param {Dock} dock */
function mainGutter(dock) {
  const host = findByClass(document, dock === "beside" ? "shell" : "map-column")
  const split = host?.shadowRoot?.querySelector(".split")
  const gutter = split?.querySelector(":scope > .gutter")
  return split && gutter instanceof HTMLElement ? { split, gutter } : null
}

/**
 * Take its name, the focus and the keys from the splitter between the map and a dock without panels.
 *
 * @param {Dock} dock
 */
export function stripMainSplitter(dock) {
  const gutter = mainGutter(dock)?.gutter
  if (gutter) {
    for (const name of gutter.getAttributeNames()) {
      if (name === "role" || name === "tabindex" || name.startsWith("aria-")) {
        gutter.removeAttribute(name)
      }
    }
    gutter.onkeydown = null
    gutter.onfocus = null
  }
}

/**
 * Name the splitter between the map and a dock, and let keys move it. Its value is the map's share.
 *
 * @param {DockInView} inView
 * @param {(message: Message) => void} send
 */
export function equipMainSplitter({ dock, share, panels, least, leastMap }, send) {
  const found = mainGutter(dock)
  if (!found) {
    return
  }
  const { split, gutter } = found
  const room = () => (dock === "beside" ? split.clientWidth : split.clientHeight)
  equip(gutter, {
    label: `Between the map and ${panels}`,
    orientation: dock === "beside" ? "vertical" : "horizontal",
    limits: () => {
      const low = Math.max(leastShare(leastMap, room()), 100 - MOST_DOCK)
      return { low, high: Math.max(100 - Math.max(leastShare(least, room()), LEAST_DOCK), low) }
    },
    share: 100 - share,
    send,
    messageOf: (key) => {
      const by = stepsOfKey(key, dock)
      return by === undefined ? null : growMessage(dock, by)
    },
  })
}

/**
 * Give a splitter its name, its values, the keyboard's focus and its keys.
 *
 * @param {HTMLElement} gutter
 * @param {object} options
 * @param {string} options.label
 * @param {"vertical" | "horizontal"} options.orientation of the line between both sides
 * @param {() => { low: number, high: number }} options.limits of the share, in percent
 * @param {number} options.share what is before the splitter, in percent
 * @param {(message: Message) => void} options.send
 * @param {(key: string) => Message | null} options.messageOf a key
 */
function equip(gutter, { label, orientation, limits, share, send, messageOf }) {
  const update = () => {
    const { low, high } = limits()
    const values = { min: low, max: high, now: Math.min(Math.max(share, low), high) }
    for (const [name, value] of Object.entries(values)) {
      gutter.setAttribute(`aria-value${name}`, String(Math.round(value)))
    }
  }
  gutter.tabIndex = 0
  gutter.setAttribute("role", "separator")
  gutter.setAttribute("aria-orientation", orientation)
  gutter.setAttribute("aria-label", label)
  gutter.onfocus = update // the page may have another size now
  gutter.onkeydown = (event) => {
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey
    const message = hasModifier ? null : messageOf(event.key)
    if (message) {
      event.preventDefault()
      send(message)
    }
  }
  update()
}
