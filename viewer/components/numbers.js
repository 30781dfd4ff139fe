// Arithmetic that JavaScript has no function for.

/**
 * Keep a number within limits.
 *
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high)
}
