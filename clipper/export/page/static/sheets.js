// Thumbnails: cells of sheets, which are loaded when one of their cells is shown.

import { part } from "./parts.js"

const ACROSS = 16
const PER_SHEET = ACROSS * ACROSS

/**
 * @param {{ single: boolean, sheets: number, cell: number, images: number }} main
 * @param {() => void} changed called when a sheet arrives
 */
export function createSheets(main, changed) {
  /** @type {Map<number, HTMLImageElement>} */
  const sheets = new Map()
  let waiting = 0

  /** @param {number} number */
  function load(number) {
    const image = new Image()
    sheets.set(number, image)
    waiting += 1
    const done = () => {
      waiting -= 1
      changed()
    }
    image.onload = done
    image.onerror = done
    if (main.single) {
      part(`sheet-${number}`).then((url) => {
        image.src = url
      })
    } else {
      image.src = `thumbs/${number}.webp`
    }
    return image
  }

  return {
    cell: main.cell,
    /** The sheet of an image, asked for unless too many are on their way; null until it is there.
     * @param {number} at */
    of(at) {
      const number = Math.floor(at / PER_SHEET)
      const known = sheets.get(number) ?? (waiting < 24 ? load(number) : null)
      return known?.complete && known.naturalWidth ? known : null
    },
    /** The place of an image in its sheet, in pixels.
     * @param {number} at */
    place(at) {
      const inside = at % PER_SHEET
      return [(inside % ACROSS) * main.cell, Math.floor(inside / ACROSS) * main.cell]
    },
    /** An element that shows an image, `side` pixels wide; 0: as wide as there is room.
     * @param {number} at
     * @param {number} side */
    face(at, side) {
      const el = document.createElement("canvas")
      el.className = "face"
      el.width = main.cell
      el.height = main.cell
      if (side) {
        el.style.width = `${side}px`
        el.style.height = `${side}px`
      }
      const number = Math.floor(at / PER_SHEET)
      const sheet = sheets.get(number) ?? load(number)
      const paint = () => {
        const [x, y] = this.place(at)
        const c = main.cell
        el.getContext("2d")?.drawImage(sheet, x, y, c, c, 0, 0, c, c)
      }
      if (sheet.complete && sheet.naturalWidth) {
        paint()
      } else {
        sheet.addEventListener("load", paint)
      }
      return el
    },
  }
}
