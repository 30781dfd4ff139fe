// Runs whenever the server has sent a picture of the map. Decodes it and gives its pixels to the figure. If
// several pictures arrive during a decode, only the latest is shown next.

/** @import { Figure, FrameColumns, Source } from "../types" */

/** @typedef {{ image: unknown[], x: number[], y: number[], dw: number[], dh: number[] }} ImageColumns */

/**
 * @param {object} args
 * @param {Figure} args.fig
 * @param {Source<FrameColumns>} args.frame
 * @param {Source<ImageColumns>} args.image of the figure
 */
export function run({ fig, frame, image }) {
  if (!frame.data.jpeg?.length) {
    return // the session has ended, or not begun
  }
  fig.clipper_next_frame = frame.data
  fig.clipper_showing ??= showLatest(fig, image).finally(() => {
    fig.clipper_showing = null
  })
}

/**
 * @param {Figure} fig
 * @param {Source<ImageColumns>} image
 */
async function showLatest(fig, image) {
  while (fig.clipper_next_frame) {
    const next = fig.clipper_next_frame
    fig.clipper_next_frame = null
    try {
      await show(fig, image, next)
    } catch (error) {
      console.error(error) // and go on with the next picture
    }
  }
}

/**
 * @param {Figure} fig
 * @param {Source<ImageColumns>} image
 * @param {FrameColumns} frame
 */
async function show(fig, image, { jpeg, x, y, dw, dh }) {
  const bitmap = await createImageBitmap(new Blob(jpeg.slice(0, 1), { type: "image/jpeg" }))
  const { width, height } = bitmap
  fig.clipper_canvas ??= document.createElement("canvas")
  const pixels = paint(bitmap, fig.clipper_canvas).getImageData(0, 0, width, height).data
  const { ndarray } = Bokeh.require("core/util/ndarray")
  const array = ndarray(new Uint32Array(pixels.buffer), { dtype: "uint32", shape: [height, width] })
  image.setv({ data: { image: [array], x, y, dw, dh } }, { sync: false })
  fig.clipper_reads_canvas ??= readsTruePixels()
  if (!fig.clipper_reads_canvas) {
    paintByCanvas(fig, bitmap)
  }
  bitmap.close()
}

/**
 * Give the figure a canvas, which it draws without reading its pixels.
 *
 * @param {Figure} fig
 * @param {ImageBitmap} bitmap
 */
function paintByCanvas(fig, bitmap) {
  const canvas = document.createElement("canvas")
  paint(bitmap, canvas)
  const view = Bokeh.index.find_one(fig)?.views.find_one(fig.renderers[0])
  if (view) {
    view.glyph.image_data[0] = canvas
    view.request_paint()
  }
}

/**
 * Draw a bitmap onto a canvas of its size.
 *
 * @param {ImageBitmap} bitmap
 * @param {HTMLCanvasElement} canvas
 */
function paint(bitmap, canvas) {
  canvas.width = bitmap.width
  canvas.height = bitmap.height
  const context = contextOf(canvas, { alpha: false, willReadFrequently: true })
  context.drawImage(bitmap, 0, 0)
  return context
}

/** Return whether this browser returns a canvas's true pixels. Some change them to prevent fingerprinting. */
function readsTruePixels() {
  const context = contextOf(document.createElement("canvas"))
  context.fillStyle = "#123456"
  context.fillRect(0, 0, 1, 1)
  return String(context.getImageData(0, 0, 1, 1).data) === "18,52,86,255"
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} settings
 */
function contextOf(canvas, settings = {}) {
  const context = canvas.getContext("2d", settings)
  if (!context) {
    throw new Error("this browser has no canvas left to decode the map on")
  }
  return context
}
