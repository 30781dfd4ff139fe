// Arithmetic that JavaScript lacks.

/**
 * Return the number within the limits that is nearest to `value`.
 *
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high)
}
