// Tells a person that the connection is lost, and reloads the page once the server answers. The address
// restores the view. If the person is typing, or reloading has not helped, a button leaves the decision to
// them.

import { h, ICONS, icon } from "../dom.js"
import { focusedElement } from "../focus.js"
import { basePath } from "../text.js"

/** @import { Component } from "../types" */

/** Milliseconds between two requests to the server, and until a request fails. */
const LOOK = 2000
const PATIENCE = 5000

/** The page reloads by itself at most MOST_TIMES in PERIOD milliseconds. */
const MOST_TIMES = 3
const PERIOD = 60000

/** The key of the times of reloads in the browser's storage. */
const KEY = "clipper-opened-again"

/**
 * Return the reloads of the last PERIOD, as times in milliseconds.
 *
 * @param {number[]} times
 * @param {number} now
 */
export function recentTimes(times, now) {
  return times.filter((time) => now - time < PERIOD)
}

/**
 * Return whether the page has reloaded so often of late that reloading does not help.
 *
 * @param {number[]} times
 * @param {number} now
 */
export function isTooOften(times, now) {
  return recentTimes(times, now).length >= MOST_TIMES
}

/** @returns {number[]} */
function keptTimes() {
  return JSON.parse(sessionStorage.getItem(KEY) ?? "[]")
}

async function serverAnswers() {
  try {
    const options = /** @type {const} */ ({ cache: "no-store", signal: AbortSignal.timeout(PATIENCE) })
    return (await fetch(`${basePath()}/static/logo.svg`, options)).ok
  } catch {
    return false
  }
}

function isTyping() {
  const el = focusedElement()
  return (el instanceof HTMLInputElement || el instanceof HTMLTextAreaElement) && el.value !== ""
}

/** @param {Component<Record<never, never>>} component */
export function render({ view }) {
  const words = h("div", { class: "words", role: "alert" })
  const again = h(
    "button",
    { class: "action", type: "button", hidden: true, onclick: () => window.location.reload() },
    icon(ICONS.refresh),
    "Open again",
  )
  const look = async () => {
    if (document.hidden || !(await serverAnswers())) {
      setTimeout(look, LOOK)
      return
    }
    const now = Date.now()
    if (isTooOften(keptTimes(), now) || isTyping()) {
      again.hidden = false
      setTimeout(look, LOOK)
      return
    }
    sessionStorage.setItem(KEY, JSON.stringify([...recentTimes(keptTimes(), now), now]))
    window.location.reload()
  }
  let isLeaving = false
  const show = () => {
    if (isLeaving || words.childElementCount > 0) {
      return
    }
    words.append(
      h("div", { class: "headline" }, "The connection to the server is lost"),
      h("div", { class: "muted" }, "This page opens again as soon as it answers."),
    )
    view.el.classList.add("shown")
    setTimeout(look, LOOK)
  }
  window.addEventListener("pagehide", () => {
    isLeaving = true
  })
  window.addEventListener("pageshow", () => {
    isLeaving = false
  })
  view.model.document.on_event("connection_lost", show)
  return h("div", { class: "root box" }, words, h("div", { class: "buttons" }, again))
}
