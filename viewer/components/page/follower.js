// Asks the server for a version that is ready: at once if nobody sees the page, otherwise in the next pause.
// Shows nothing.

import { h, listenWhileShown } from "../dom.js"

/** @import { Component } from "../types" */

/** A pause is this many milliseconds without a movement. */
const PAUSE = 500

/** Wait at most this many milliseconds for a person who moves without a pause. */
const LONGEST = 2000

/** Wait at most this many milliseconds for a person who holds a button down, as in a drag. */
const LONGEST_HELD = 15000

/** Milliseconds between two checks for a pause. */
const LOOK = 100

/**
 * Return whether the page may switch to another version now. All times are milliseconds.
 *
 * @param {object} state
 * @param {boolean} state.isHidden whether nobody sees the page
 * @param {boolean} state.isHeld whether a person holds a button down
 * @param {number} state.sinceReady
 * @param {number} state.sinceMoved
 */
export function isQuiet({ isHidden, isHeld, sinceReady, sinceMoved }) {
  if (isHidden || sinceReady > LONGEST_HELD) {
    return true
  }
  return !isHeld && (sinceMoved > PAUSE || sinceReady > LONGEST)
}

/**
 * @typedef {object} Properties
 * @property {string} ready the version that waits to be taken, ""
 */

/** @param {Component<Properties>} component */
export function render({ model }) {
  let isHeld = false
  let movedAt = Number.NEGATIVE_INFINITY
  /** @type {number | null} */
  let readyAt = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  const check = () => {
    clearTimeout(timer)
    if (!model.ready) {
      readyAt = null
      return
    }
    const now = performance.now()
    readyAt ??= now
    const times = { sinceReady: now - readyAt, sinceMoved: now - movedAt }
    if (!isQuiet({ isHidden: document.hidden, isHeld, ...times })) {
      timer = setTimeout(check, LOOK)
      return
    }
    readyAt = null
    model.send_msg({ kind: "take" })
  }
  listenWhileShown(
    model,
    document,
    ["pointermove", "pointerdown", "pointerup", "pointercancel", "wheel"],
    (event) => {
      movedAt = performance.now()
      isHeld = event.buttons > 0
    },
    { capture: true, passive: true },
  )
  listenWhileShown(model, document, ["visibilitychange"], check)
  model.on("ready", check)
  model.on("remove", () => clearTimeout(timer))
  check()
  return h("div", { hidden: true })
}
