// Draws the map on a canvas: points, then thumbnails where there is room, then names of clusters, then marks.

const MANY = 5_000 // points in view beyond which each is a few pixels and no disc
const VAST = 30_000 // images beyond which thumbnails appear only as one zooms in
const THUMB = 58 // pixels of a thumbnail on the screen

/**
 * @param {HTMLCanvasElement} canvas
 * @param {any} model
 * @param {any} camera
 * @param {any} sheets
 */
export function createPainter(canvas, model, camera, sheets) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }))
  let _frame = 0
  /** @type {Map<string, HTMLCanvasElement>} */
  const discs = new Map()
  /** @type {{ at: number, left: number, top: number, side: number }[]} */
  let shown = []

  function later() {
    _frame ||= requestAnimationFrame(() => {
      _frame = 0
      draw()
    })
  }

  /**
   * @param {string} colour
   * @param {number} radius in pixels of the device
   */
  function disc(colour, radius) {
    const key = `${colour} ${radius}`
    let found = discs.get(key)
    if (!found) {
      if (discs.size > 600) {
        discs.clear()
      }
      found = document.createElement("canvas")
      found.width = Math.ceil(2 * radius + 2)
      found.height = found.width
      const pen = /** @type {CanvasRenderingContext2D} */ (found.getContext("2d"))
      pen.fillStyle = colour
      pen.beginPath()
      pen.arc(found.width / 2, found.width / 2, radius, 0, 7)
      pen.fill()
      discs.set(key, found)
    }
    return found
  }

  function draw() {
    const ratio = Math.min(devicePixelRatio || 1, 2)
    const width = Math.round(camera.width * ratio)
    const height = Math.round(camera.height * ratio)
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width
      canvas.height = height
    }
    context.setTransform(1, 0, 0, 1, 0, 0)
    context.fillStyle = model.look.canvas
    context.fillRect(0, 0, width, height)
    const grown = Math.min(3, (camera.zoom / camera.base) ** 0.4)
    const radius =
      Math.min(4.5, Math.max(0.7, 0.16 * Math.sqrt((camera.width * camera.height) / model.n))) * grown
    if (countInView() > MANY) {
      drawMany(ratio, width, height, radius)
    } else {
      drawDiscs(ratio, radius)
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    drawThumbs()
    drawNames()
    if (model.chosen >= 0) {
      drawMark(radius)
    }
    canvas.dispatchEvent(new CustomEvent("drawn"))
  }

  /** Whether a point is shown in its colour: it passes the filters, and is a hit where one searches.
   * @param {number} i */
  const strong = (i) => model.passes[i] && (!model.isHit || model.isHit[i])

  function countInView() {
    const halfWidth = camera.width / 2 / camera.zoom
    const halfHeight = camera.height / 2 / camera.zoom
    let count = 0
    for (let i = 0; i < model.n; i += 1) {
      const beside =
        Math.abs(model.x[i] - camera.x) > halfWidth || Math.abs(model.y[i] - camera.y) > halfHeight
      count += beside ? 0 : 1
    }
    return count
  }

  /** @param {number} ratio
   *  @param {number} radius */
  function drawDiscs(ratio, radius) {
    const larger = model.isHit ? 1.5 : 1 // hits stand out among the others
    const r = Math.max(0.6, Math.round(radius * larger * ratio * 2) / 2)
    const faint = disc(model.look.absent, Math.max(0.6, Math.round(r * 1.4) / 2))
    context.globalAlpha = 0.55
    for (let i = 0; i < model.n; i += 1) {
      if (!strong(i)) {
        drawDisc(faint, i, ratio)
      }
    }
    context.globalAlpha = 0.9
    for (let i = 0; i < model.n; i += 1) {
      if (strong(i)) {
        drawDisc(disc(model.hex[model.codes[i]], r), i, ratio)
      }
    }
    context.globalAlpha = 1
  }

  /** Draw the disc of a point, where it is in view.
   * @param {HTMLCanvasElement} dot
   * @param {number} i
   * @param {number} ratio */
  function drawDisc(dot, i, ratio) {
    const [sx, sy] = camera.toScreen(model.x[i], model.y[i])
    if (sx > -8 && sy > -8 && sx < camera.width + 8 && sy < camera.height + 8) {
      context.drawImage(dot, sx * ratio - dot.width / 2, sy * ratio - dot.width / 2)
    }
  }

  /**
   * @param {number} ratio
   * @param {number} width
   * @param {number} height
   * @param {number} radius
   */
  function drawMany(ratio, width, height, radius) {
    const image = context.createImageData(width, height)
    const pixels = new Uint32Array(image.data.buffer)
    pixels.fill(model.ground)
    const side = Math.max(1, Math.round(1.7 * radius * ratio))
    for (let i = 0; i < model.n; i += 1) {
      if (!strong(i)) {
        fillSquare(pixels, i, model.faint, side, ratio)
      }
    }
    for (let i = 0; i < model.n; i += 1) {
      if (strong(i)) {
        fillSquare(pixels, i, model.packed[model.codes[i]], side, ratio)
      }
    }
    context.putImageData(image, 0, 0)
  }

  /** Fill the square of a point, where it is in view.
   * @param {Uint32Array} pixels
   * @param {number} i
   * @param {number} colour
   * @param {number} side
   * @param {number} ratio */
  function fillSquare(pixels, i, colour, side, ratio) {
    const { width, height } = canvas
    const left = Math.round(((model.x[i] - camera.x) * camera.zoom + camera.width / 2) * ratio - side / 2)
    const top = Math.round((camera.height / 2 - (model.y[i] - camera.y) * camera.zoom) * ratio - side / 2)
    if (left >= 0 && top >= 0 && left + side <= width && top + side <= height) {
      for (let at = top * width + left; at < (top + side) * width; at += width) {
        pixels.fill(colour, at, at + side)
      }
    }
  }

  /** Choose the image of each cell of a grid that is fixed to the map, so that panning changes none. */
  function chosen() {
    const cell = 2 ** Math.ceil(Math.log2((THUMB * 1.25) / camera.zoom))
    /** @type {Map<number, number>} */
    const first = new Map()
    for (let i = 0; i < model.n; i += 1) {
      if (!strong(i)) {
        continue
      }
      const [sx, sy] = camera.toScreen(model.x[i], model.y[i])
      if (sx < 0 || sy < 0 || sx > camera.width || sy > camera.height) {
        continue
      }
      const key = Math.floor(model.x[i] / cell) * 1e6 + Math.floor(model.y[i] / cell)
      const best = first.get(key)
      if (best === undefined || model.rank[i] < model.rank[best]) {
        first.set(key, i)
      }
    }
    return [...first.values()].sort((a, b) => model.rank[a] - model.rank[b])
  }

  function drawThumbs() {
    shown = []
    const side = Math.min(THUMB, Math.max(34, camera.width / 14))
    const few = model.n > VAST && camera.zoom < camera.base * 3
    for (const at of few ? [] : chosen()) {
      const [sx, sy] = camera.toScreen(model.x[at], model.y[at])
      const left = sx - side / 2
      const top = sy - side / 2
      if (shown.some((one) => Math.abs(one.left - left) < side + 3 && Math.abs(one.top - top) < side + 3)) {
        continue
      }
      const sheet = sheets.of(at)
      if (sheet) {
        shown.push({ at, left, top, side })
        drawThumb(sheet, at, left, top, side)
      }
    }
  }

  /**
   * @param {HTMLImageElement} sheet
   * @param {number} at
   * @param {number} left
   * @param {number} top
   * @param {number} side
   */
  function drawThumb(sheet, at, left, top, side) {
    const [x, y] = sheets.place(at)
    context.save()
    context.beginPath()
    context.roundRect(left, top, side, side, 8)
    context.fillStyle = "#fff"
    context.fill()
    context.clip()
    context.drawImage(sheet, x, y, sheets.cell, sheets.cell, left, top, side, side)
    context.restore()
    context.beginPath()
    context.roundRect(left, top, side, side, 8)
    context.lineWidth = 2
    context.strokeStyle = model.hex[model.codes[at]]
    context.stroke()
  }

  /** Whether the clusters of a level have their names at this zoom.
   * @param {number} level */
  const isNamed = (level) => camera.zoom / camera.base >= [0, 1.6, 3.2][level]

  /** Whether two boxes (left, top, right, bottom) touch.
   * @param {number[]} a
   * @param {number[]} b */
  const touch = (a, b) => a[2] > b[0] && a[0] < b[2] && a[3] > b[1] && a[1] < b[3]

  /** Where a name is written: at its place, or as a caption below the thumbnail that lies there.
   * @param {number} half the name's width
   * @param {number} size
   * @param {number} sx
   * @param {number} sy */
  function nameBox(half, size, sx, sy) {
    const box = (/** @type {number} */ y) => [sx - half - 5, y - size * 0.75, sx + half + 5, y + size * 0.75]
    const under = shown.find((one) =>
      touch(box(sy), [one.left, one.top, one.left + one.side, one.top + one.side]),
    )
    return under ? box(under.top + under.side + size * 0.85) : box(sy)
  }

  function drawNames() {
    /** @type {number[][]} */
    const taken = []
    const written = new Set()
    context.textAlign = "center"
    context.textBaseline = "middle"
    context.lineJoin = "round"
    for (const [name, level, x, y] of model.clusters) {
      const [sx, sy] = camera.toScreen(x, y)
      if (!isNamed(level) || written.has(name) || sy < 0 || sy > camera.height) {
        continue
      }
      const size = level === 0 ? 14 : 12
      context.font = `650 ${size}px Inter, system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`
      const box = nameBox(context.measureText(name).width / 2, size, sx, sy)
      if (box[2] > 0 && box[0] < camera.width && !taken.some((one) => touch(box, one))) {
        taken.push(box)
        written.add(name)
        writeName(name, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
      }
    }
  }

  /**
   * @param {string} name
   * @param {number} sx
   * @param {number} sy
   */
  function writeName(name, sx, sy) {
    context.lineWidth = 4
    context.strokeStyle = model.look.canvas
    context.strokeText(name, sx, sy)
    context.fillStyle = model.look.text
    context.fillText(name, sx, sy)
  }

  /** @param {number} radius */
  function drawMark(radius) {
    const [sx, sy] = camera.toScreen(model.x[model.chosen], model.y[model.chosen])
    context.beginPath()
    context.arc(sx, sy, Math.max(8, radius + 4), 0, 7)
    context.lineWidth = 3
    context.strokeStyle = model.accent
    context.stroke()
  }

  return {
    later,
    /** The image at a place of the screen: a thumbnail, or a point near by; -1 for none.
     * @param {number} sx
     * @param {number} sy */
    imageAt(sx, sy) {
      const over = shown.find(
        (one) => sx >= one.left && sx <= one.left + one.side && sy >= one.top && sy <= one.top + one.side,
      )
      if (over) {
        return over.at
      }
      let best = -1
      let least = 14 * 14
      for (let i = 0; i < model.n; i += 1) {
        if (!strong(i)) {
          continue
        }
        const dx = (model.x[i] - camera.x) * camera.zoom + camera.width / 2 - sx
        const dy = camera.height / 2 - (model.y[i] - camera.y) * camera.zoom - sy
        const far = dx * dx + dy * dy
        if (far < least) {
          least = far
          best = i
        }
      }
      return best
    },
  }
}
