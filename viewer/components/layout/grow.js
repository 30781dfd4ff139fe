// The message that gives a dock more of the page, or less.

/**
 * Return the message. The server knows the least size of a dock in pixels, and the page its own size.
 *
 * @param {unknown} dock "beside" or "below"
 * @param {unknown} by steps, less than 0 for less
 */
export function growMessage(dock, by) {
  return { kind: "grow", dock, by, page: dock === "beside" ? innerWidth : innerHeight }
}
