// The tool in hand, which a drag on the map draws with. Only the page knows it: a person who takes a tool and
// draws at once must not wait for the server.

import { listenWhileShown } from "../dom.js"

/** @import { Model } from "../types" */

/** @typedef {"lasso" | "box"} Tool */

const changes = new EventTarget()

/** @type {Tool | null} */
let tool = null

/** Return the tool in hand, or null. */
export function toolInHand() {
  return tool
}

/**
 * Take a tool, or with null put away the one in hand.
 *
 * @param {Tool | null} next
 */
export function takeTool(next) {
  tool = next
  changes.dispatchEvent(new Event("change"))
}

/**
 * Take a tool, or put it away if it is in hand.
 *
 * @param {Tool} next
 */
export function toggleTool(next) {
  takeTool(tool === next ? null : next)
}

/**
 * Call a function now, and whenever the tool changes while a component is shown.
 *
 * @template Properties
 * @param {Model<Properties>} model of the component
 * @param {() => void} call
 */
export function followTool(model, call) {
  listenWhileShown(model, changes, ["change"], call)
  call()
}
