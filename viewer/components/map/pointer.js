// Runs on every move of the pointer over the map. Sends its place to the server, at most twelve times a
// second.

/** @import { Figure, Source } from "../types" */

/** Least time between two messages, in milliseconds. */
const INTERVAL = 80

/**
 * @param {object} args
 * @param {Figure} args.fig
 * @param {Source<{ x: number[], y: number[], inside: number[] }>} args.pointer
 * @param {{ event_name: "mousemove" | "mouseleave", x: number, y: number }} event
 */
export function run({ fig, pointer }, event) {
  /** @param {0 | 1} inside */
  const send = (inside) => {
    fig.clipper_pointer_sent = performance.now()
    pointer.data = { x: [event.x], y: [event.y], inside: [inside] }
  }
  clearTimeout(fig.clipper_pointer_timer)
  if (event.event_name === "mouseleave") {
    send(0)
    return
  }
  const wait = INTERVAL - (performance.now() - (fig.clipper_pointer_sent ?? 0))
  if (wait <= 0) {
    send(1)
  } else {
    fig.clipper_pointer_timer = setTimeout(() => send(1), wait)
  }
}
