// How far pictures are enlarged and moved within their stages. Pictures that share it are seen at one place.

/** Pictures are enlarged at most this many times. */
export const NEAREST = 24

/**
 * A picture fills its stage at scale 1; `x` and `y` are how far it is moved, as shares of the stage.
 *
 * @typedef {{ scale: number, x: number, y: number }} Placement
 */

/** @type {Placement} */
export const WHOLE = { scale: 1, x: 0, y: 0 }

/**
 * Enlarge a picture around one point of the stage, or make it smaller. It never leaves a gap at an edge.
 *
 * @param {Placement} at
 * @param {number} by above 1 enlarges
 * @param {{ x: number, y: number }} point as shares of the stage
 * @returns {Placement}
 */
export function zoomed({ scale, x, y }, by, point) {
  const next = Math.min(Math.max(scale * by, 1), NEAREST)
  const ratio = next / scale
  return within({ scale: next, x: point.x - (point.x - x) * ratio, y: point.y - (point.y - y) * ratio })
}

/**
 * Move a picture by shares of the stage.
 *
 * @param {Placement} at
 * @param {number} right
 * @param {number} down
 * @returns {Placement}
 */
export function moved({ scale, x, y }, right, down) {
  return within({ scale, x: x + right, y: y + down })
}

/**
 * @param {Placement} at
 * @returns {Placement}
 */
function within({ scale, x, y }) {
  const least = 1 - scale
  return { scale, x: Math.min(Math.max(x, least), 0), y: Math.min(Math.max(y, least), 0) }
}
