// What a length on the map means, by pairs of images that were measured. Plain numbers: this knows nothing of
// the page.

/** Pixels of the scale's bar. */
export const BAR = 84

/**
 * Return the similarity that images at a distance from each other typically have: between two distances that
 * were measured, it goes with the logarithm of the distance. Nearer than any of them, null.
 *
 * @param {[number[], number[]] | []} scale distances, the longest first, and their similarities
 * @param {number} distance in map units
 * @returns {number | null}
 */
export function similarityAt([distances, similarities], distance) {
  if (!distances?.length || !similarities || distance > (distances[0] ?? 0)) {
    return null
  }
  const next = distances.findIndex((each) => each <= distance)
  const [far, near] = [distances[next - 1], distances[next]]
  const [low, high] = [similarities[next - 1], similarities[next]]
  if (near === undefined || high === undefined) {
    return null
  }
  if (far === undefined || low === undefined) {
    return high
  }
  const share = Math.log(far / distance) / Math.log(far / near)
  return low + (high - low) * share
}
