// Runs in the browser whenever the server has sent a picture of the map: takes it apart and hands its pixels to the figure.
// While one is taken apart others may come: only the latest waits, and none that is older than what is shown is shown.
const sent = frame.data
if (!sent.jpeg?.length) { return } // the session is over, or has not begun
const drawn = (bitmap, canvas) => {
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height]
  const context = canvas.getContext("2d", {alpha: false, willReadFrequently: true})
  context.drawImage(bitmap, 0, 0)
  return context
}
// Some browsers falsify what a page reads from a canvas, so that nobody is known by it.
const honest = () => {
  const context = document.createElement("canvas").getContext("2d")
  context.fillStyle = "#123456"
  context.fillRect(0, 0, 1, 1)
  return String(context.getImageData(0, 0, 1, 1).data) === "18,52,86,255"
}
const show = async ({jpeg: [bytes], x, y, dw, dh}) => {
  const bitmap = await createImageBitmap(new Blob([bytes], {type: "image/jpeg"}))
  const [w, h] = [bitmap.width, bitmap.height]
  const context = drawn(bitmap, fig.clipper_canvas ??= document.createElement("canvas"))
  const {ndarray} = Bokeh.require("core/util/ndarray")
  const pixels = ndarray(new Uint32Array(context.getImageData(0, 0, w, h).data.buffer), {dtype: "uint32", shape: [h, w]})
  image.setv({data: {image: [pixels], x, y, dw, dh}}, {sync: false})
  if (!(fig.clipper_honest ??= honest())) { // then the figure is handed a canvas, which it only draws
    const canvas = document.createElement("canvas")
    drawn(bitmap, canvas)
    const view = Bokeh.index.find_one(fig).views.find_one(fig.renderers[0])
    view.glyph.image_data[0] = canvas
    view.request_paint()
  }
  bitmap.close()
}
const latest = async () => {
  while (fig.clipper_frame) {
    const next = fig.clipper_frame
    fig.clipper_frame = null
    try { await show(next) } catch (error) { console.error(error) } // the next one waits
  }
}
fig.clipper_frame = sent
fig.clipper_showing ??= latest().finally(() => { fig.clipper_showing = null })
