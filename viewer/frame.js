// Runs in the browser whenever the server has sent a picture of the map: takes it apart and hands its pixels to the figure.
// While one is taken apart others may come: only the latest waits, and none that is older than what is shown is shown.
const sent = frame.data
if (!sent.jpeg?.length) { return } // the session is over, or has not begun
const show = async ({jpeg: [bytes], x, y, dw, dh}) => {
  const bitmap = await createImageBitmap(new Blob([bytes], {type: "image/jpeg"}))
  const canvas = fig.clipper_canvas ??= document.createElement("canvas")
  const [w, h] = [canvas.width, canvas.height] = [bitmap.width, bitmap.height]
  const draw = canvas.getContext("2d", {alpha: false, willReadFrequently: true})
  draw.drawImage(bitmap, 0, 0)
  bitmap.close()
  const {ndarray} = Bokeh.require("core/util/ndarray")
  const pixels = ndarray(new Uint32Array(draw.getImageData(0, 0, w, h).data.buffer), {dtype: "uint32", shape: [h, w]})
  image.setv({data: {image: [pixels], x, y, dw, dh}}, {sync: false})
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
