// Pictures that are enlarged and moved, each in its stage. Several in one element are seen at one place.

import { boxLayer } from "../boxes.js"
import { h } from "../dom.js"
import { originalOf } from "./picture.js"
import { moved, WHOLE, zoomed } from "./zoom_pan.js"

/** @import { ImageItem } from "../types" */
/** @import { Placement } from "./zoom_pan.js" */

/** A turn of the wheel by one pixel enlarges by this share. */
const WHEEL_STEP = 0.002
/** A key enlarges so many times. */
const KEY_STEP = 1.5
/** From this size on a pixel of the picture is seen as a square. */
const PIXELS = 6
const MIDDLE = { x: 0.5, y: 0.5 }

/**
 * Build a stage. `onload` is called when a sharper picture is there.
 *
 * @param {() => void} onload
 */
export function pictureStage(onload) {
  const el = h("div", { class: "stage" })
  /** @type {ReturnType<typeof originalOf> | null} */
  let shown = null
  /** @type {ReturnType<typeof boxLayer> | null} */
  let boxes = null
  /**
   * Show an image; return a line that says what is wrong with its original.
   *
   * @param {ImageItem} item
   * @param {AbortSignal} signal
   */
  const show = (item, signal) => {
    shown = originalOf(item, signal)
    shown.image.draggable = false
    shown.image.addEventListener("load", onload)
    boxes = boxLayer(item, shown.image, signal)
    el.replaceChildren(shown.image, boxes.el)
    return shown.note
  }
  /** @param {Placement} placement */
  const put = ({ scale, x, y }) => {
    el.classList.toggle("near", scale > 1)
    if (!shown) {
      return
    }
    const { image } = shown
    const transform = `translate(${x * 100}%, ${y * 100}%) scale(${scale})`
    image.style.transform = transform
    boxes?.put(transform, scale)
    const { clientWidth, clientHeight, naturalWidth, naturalHeight } = image
    const fitted = Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight)
    image.classList.toggle("pixels", fitted * scale > PIXELS)
    if (fitted * scale * devicePixelRatio > 1) {
      shown.sharpen()
    }
  }
  return { el, show, put }
}

/**
 * Have the stages within an element enlarged and moved as one, by wheel, drag, two fingers and keys.
 *
 * @param {HTMLElement} el
 * @param {() => { put: (placement: Placement) => void }[]} stages
 */
export function zoomTogether(el, stages) {
  let placement = WHOLE
  /** @param {Placement} next */
  const put = (next) => {
    placement = next
    for (const stage of stages()) {
      stage.put(next)
    }
  }
  /** @param {number} by */
  const zoom = (by, point = MIDDLE) => put(zoomed(placement, by, point))
  /** @type {Map<number, { x: number, y: number }>} */
  const fingers = new Map()
  const spread = () => {
    const [one, two] = [...fingers.values()]
    return one && two ? Math.hypot(one.x - two.x, one.y - two.y) : 0
  }
  /** @param {PointerEvent} event */
  const move = (event) => {
    const box = boxOf(event)
    const held = fingers.get(event.pointerId)
    if (!box || !held) {
      return
    }
    const before = spread()
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY })
    if (fingers.size > 1 && before > 0) {
      zoom(spread() / before, shareOf(box, event))
    } else {
      put(moved(placement, (event.clientX - held.x) / box.width, (event.clientY - held.y) / box.height))
    }
  }
  el.addEventListener("dblclick", () => put(WHOLE))
  el.addEventListener(
    "wheel",
    (event) => {
      const box = boxOf(event)
      event.preventDefault()
      if (box) {
        zoom(Math.exp(-event.deltaY * WHEEL_STEP), shareOf(box, event))
      }
    },
    { passive: false },
  )
  el.addEventListener("pointerdown", (event) => {
    if (boxOf(event) && event.button === 0) {
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY })
    }
  })
  for (const name of /** @type {const} */ (["pointerup", "pointercancel", "pointerleave"])) {
    el.addEventListener(name, (event) => fingers.delete(event.pointerId))
  }
  el.addEventListener("pointermove", move)
  /** @type {Record<string, () => void>} */
  const keys = {
    "+": () => zoom(KEY_STEP),
    "=": () => zoom(KEY_STEP),
    "-": () => zoom(1 / KEY_STEP),
    0: () => put(WHOLE),
  }
  return { reset: () => put(WHOLE), again: () => put(placement), keys }
}

/**
 * Return the rectangle of the stage that an event is on; null if it is on none.
 *
 * @param {Event} event
 */
function boxOf({ target }) {
  const stage = target instanceof Element ? target.closest(".stage") : null
  return stage?.getBoundingClientRect() ?? null
}

/**
 * @param {DOMRect} box
 * @param {MouseEvent} event
 */
function shareOf(box, { clientX, clientY }) {
  return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height }
}
