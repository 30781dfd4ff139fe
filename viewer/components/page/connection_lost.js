// The server is gone, or the machine has slept: says so, and opens the page again once the server answers. The address holds
// what a person looks at. A person who is typing, or for whom opening again has not helped, gets a button instead.

import { h, ICONS, icon } from "../dom.js"
import { focusedElement } from "../focus.js"
import { basePath } from "../text.js"

/** @import { Component } from "../types" */

/** Milliseconds between two looks for the server, and that it has for an answer. */
const LOOK = 2000
const PATIENCE = 5000

/** The page opens by itself so many times in so many milliseconds, not more often. */
const MOST_TIMES = 3
const PERIOD = 60000

/** The name under which the browser keeps the times at which the page was opened again. */
const KEY = "clipper-opened-again"

/**
 * Of the times at which the page was opened again, in milliseconds, those that count now.
 *
 * @param {number[]} times
 * @param {number} now
 */
export function recentTimes(times, now) {
  return times.filter((time) => now - time < PERIOD)
}

/**
 * Say whether the page has been opened again so often of late that it does not help.
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
