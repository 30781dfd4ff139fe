// Points glide from places to others, above the map: on a canvas that hides the picture until the next one is
// there. Where a person wants no motion, nothing glides.

/** @import { Figure } from "../types" */

/**
 * @typedef {object} Moves
 * @property {number} number of the move
 * @property {string} from x and y of each point in map units, 32-bit floats in base64
 * @property {string} to
 * @property {string} colours red, green and blue of each, a byte each
 * @property {number} dot the radius of a point, in pixels
 */

/** Milliseconds that points glide, and that they fade before the new picture. */
const GLIDE = 750
const FADE = 220
/** The longest wait for the new picture. */
const PATIENCE = 4000

/**
 * @param {string} text
 * @returns {ArrayBuffer}
 */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer
}

/**
 * Return how far a movement has come: it starts and ends slowly.
 *
 * @param {number} share of its time
 */
export function eased(share) {
  const at = Math.min(1, Math.max(0, share))
  return at < 0.5 ? 4 * at ** 3 : 1 - (2 - 2 * at) ** 3 / 2
}

/**
 * Let points glide; a later move takes the place of this one.
 *
 * @param {HTMLElement} over what lies over the map
 * @param {Figure | null} figure
 * @param {Moves} moves
 * @param {() => number} arrived the number of the move whose picture is there
 */
export function glide(over, figure, moves, arrived) {
  const parent = over.parentElement
  for (const old of parent?.querySelectorAll("canvas") ?? []) {
    old.remove()
  }
  if (!(figure && parent) || window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
    return
  }
  const canvas = document.createElement("canvas")
  canvas.className = "glide"
  parent.prepend(canvas)
  const draw = drawer(canvas, figure, moves)
  const start = performance.now()
  let fades = 0
  /** @param {number} now */
  const step = (now) => {
    if (!(canvas.isConnected && draw)) {
      return
    }
    draw(eased((now - start) / GLIDE))
    const isDone = now - start > GLIDE && (arrived() >= moves.number || now - start > PATIENCE)
    fades ||= isDone ? now : 0
    const faded = fades ? (now - fades) / FADE : 0
    canvas.style.opacity = String(1 - Math.min(1, faded))
    if (faded < 1) {
      requestAnimationFrame(step)
    } else {
      canvas.remove()
    }
  }
  requestAnimationFrame(step)
}

/**
 * Return a function that draws the points at a share of their way.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Figure} figure
 * @param {Moves} moves
 */
function drawer(canvas, figure, moves) {
  const from = new Float32Array(bytesOf(moves.from))
  const to = new Float32Array(bytesOf(moves.to))
  const colours = new Uint8Array(bytesOf(moves.colours))
  const ratio = Math.min(2, window.devicePixelRatio)
  const { inner_width: width, inner_height: height } = figure
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  const context = canvas.getContext("2d", { alpha: false })
  if (!context) {
    return null
  }
  const ground = getComputedStyle(canvas).backgroundColor
  const fills = Array.from(
    { length: from.length / 2 },
    (_, i) => `rgb(${colours[3 * i]} ${colours[3 * i + 1]} ${colours[3 * i + 2]})`,
  )
  const side = Math.max(1.5, moves.dot * 2) * ratio
  return (/** @type {number} */ share) => {
    const { x_range, y_range } = figure
    const across = canvas.width / (x_range.end - x_range.start)
    const down = canvas.height / (y_range.end - y_range.start)
    context.fillStyle = ground
    context.fillRect(0, 0, canvas.width, canvas.height)
    for (const [i, fill] of fills.entries()) {
      const x = mixed(from, to, 2 * i, share)
      const y = mixed(from, to, 2 * i + 1, share)
      context.fillStyle = fill
      context.fillRect(
        (x - x_range.start) * across - side / 2,
        (y_range.end - y) * down - side / 2,
        side,
        side,
      )
    }
  }
}

/**
 * @param {Float32Array} from
 * @param {Float32Array} to
 * @param {number} at
 * @param {number} share
 */
function mixed(from, to, at, share) {
  const start = from[at] ?? 0
  return start + ((to[at] ?? 0) - start) * share
}
