// The first image of a group, which is the one to keep where no filter hides that, beside another one over the
// whole page. Both are enlarged and moved as one, so that one sees which is sharper.

import { h, ICONS, icon, squareButton } from "../dom.js"
import { formatNumber } from "../text.js"
import { originalOf } from "./picture.js"
import { moved, WHOLE, zoomed } from "./zoom_pan.js"

/** @import { Cell } from "./finding_gallery.js" */
/** @import { Placement } from "./zoom_pan.js" */

/** A turn of the wheel by one pixel enlarges by this share. */
const WHEEL_STEP = 0.002
/** A key enlarges so many times. */
const KEY_STEP = 1.5
/** From this size on a pixel of the picture is seen as a square. */
const PIXELS = 6
const MIDDLE = { x: 0.5, y: 0.5 }

/** @typedef {[Cell, Cell]} Pair the first image of a group, and another one */

/**
 * Return the pairs of some groups, in order: the first image of each with each of the others.
 *
 * @template Image
 * @param {Iterable<{ cells: Image[] }>} groups
 * @returns {[Image, Image][]}
 */
export function pairsOf(groups) {
  return [...groups].flatMap(({ cells: [first, ...others] }) =>
    others.map((other) => /** @type {[Image, Image]} */ ([first, other])),
  )
}

/**
 * Build the dialog. `pairs` returns those that are loaded, and `total` how many pairs there are.
 *
 * @param {{ pairs: () => Pair[], total: () => number }} source
 */
export function comparison({ pairs, total }) {
  /** @type {Pair | null} */
  let shown = null
  let placement = WHOLE
  let loading = new AbortController()
  const sides = [sideOf(() => put(placement)), sideOf(() => put(placement))]
  const place = h("span", { class: "muted place", role: "status" })
  const zoom = (/** @type {number} */ by, point = MIDDLE) => put(zoomed(placement, by, point))
  /** @param {Placement} next */
  const put = (next) => {
    placement = next
    for (const side of sides) {
      side.put(next)
    }
  }
  /** @param {-1 | 1} by */
  const step = (by) => {
    const next = pairs()[placeOf(shown) + by]
    if (next) {
      show(next)
    }
  }
  const before = squareButton("Previous pair (←)", ICONS.left, () => step(-1))
  const after = squareButton("Next pair (→)", ICONS.right, () => step(1))
  /**
   * Return where a pair is now: more may have come before it.
   *
   * @param {Pair | null} pair
   */
  const placeOf = (pair) => pairs().findIndex(([, other]) => other === pair?.[1])
  /** @param {Pair} pair */
  const show = (pair) => {
    shown = pair
    loading.abort()
    loading = new AbortController()
    for (const [i, cell] of pair.entries()) {
      sides[i]?.show(cell, loading.signal)
    }
    put(WHOLE)
    pair[1].el.scrollIntoView({ block: "nearest" }) // which loads what follows
    update()
  }
  /** Show which images are chosen, and how many pairs there are. */
  const update = () => {
    if (!el.open) {
      return
    }
    const at = placeOf(shown)
    if (at < 0) {
      el.close() // the list is another one
      return
    }
    place.textContent = `${formatNumber(at + 1)} / ${formatNumber(total())}`
    // A button that is disabled loses the focus, and the page behind would get the keys.
    before.setAttribute("aria-disabled", String(at === 0))
    after.setAttribute("aria-disabled", String(at + 1 >= pairs().length))
    for (const side of sides) {
      side.mark()
    }
  }
  const stages = h(
    "div",
    {
      class: "stages",
      ondblclick: () => put(WHOLE),
      onwheel: (event) => {
        const box = boxOf(event)
        event.preventDefault()
        if (box) {
          zoom(Math.exp(-event.deltaY * WHEEL_STEP), shareOf(box, event))
        }
      },
      onpointermove: (event) => {
        const box = boxOf(event)
        if (box && event.buttons === 1) {
          put(moved(placement, event.movementX / box.width, event.movementY / box.height))
        }
      },
    },
    sides.map(({ el: side }) => side),
  )
  const close = () => el.close()
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    "+": () => zoom(KEY_STEP),
    "=": () => zoom(KEY_STEP),
    "-": () => zoom(1 / KEY_STEP),
    0: () => put(WHOLE),
  }
  const el = h(
    "dialog",
    {
      class: "comparison",
      "aria-labelledby": "comparison-title",
      onclose: () => loading.abort(),
      onkeydown: (event) => {
        if (!event.ctrlKey && !event.metaKey && !event.altKey) {
          keys[event.key]?.()
        }
        event.stopPropagation() // the page has other uses for these keys
      },
    },
    h(
      "div",
      { class: "row topline" },
      h("h2", { id: "comparison-title", tabindex: "-1", autofocus: true }, "Compare"),
      h("span", { class: "muted grow hints" }, "Scroll to enlarge both, drag to move them."),
      before,
      place,
      after,
      squareButton("Close (Esc)", ICONS.close, close),
    ),
    stages,
  )
  /** @param {Cell} first of a group */
  const open = (first) => {
    const pair = pairs().find(([cell]) => cell === first)
    if (pair) {
      el.showModal()
      show(pair)
    }
  }
  return { el, open, update, close }
}

/**
 * Build one side: a picture, and what there is to know of it. `onload` is called when the original is there.
 *
 * @param {() => void} onload
 */
function sideOf(onload) {
  const stage = h("div", { class: "stage" })
  const sign = h("span", { class: "sign keep" }, "Keep")
  const label = h("span", { class: "label" })
  const facts = h("span", { class: "muted facts" })
  const note = h("div", { class: "muted why" })
  const choice = h("button", { class: "chip", type: "button" })
  const caption = h("figcaption", {}, h("div", { class: "row" }, sign, label, choice), facts, note)
  /** @type {Cell | null} */
  let shown = null
  choice.addEventListener("click", () => shown?.tick.click())
  /**
   * @param {Cell} cell
   * @param {AbortSignal} signal
   */
  const show = (cell, signal) => {
    shown = cell
    const { item } = cell
    const { image, note: problem } = originalOf(item, signal)
    image.draggable = false
    image.addEventListener("load", onload)
    sign.hidden = item.keep !== true
    choice.setAttribute("aria-label", `Choose ${item.label}`)
    stage.replaceChildren(image)
    label.textContent = item.label
    label.title = item.id
    facts.textContent = item.facts ?? ""
    note.replaceChildren(h("span", {}, item.note), problem)
  }
  /** @param {Placement} placement */
  const put = ({ scale, x, y }) => {
    const image = stage.querySelector("img")
    if (image) {
      image.style.transform = `translate(${x * 100}%, ${y * 100}%) scale(${scale})`
      const { clientWidth, clientHeight, naturalWidth, naturalHeight } = image
      const fitted = Math.min(clientWidth / naturalWidth, clientHeight / naturalHeight)
      image.classList.toggle("pixels", fitted * scale > PIXELS)
    }
    stage.classList.toggle("near", scale > 1)
  }
  const mark = () => {
    const isOn = shown?.tick.getAttribute("aria-checked") === "true"
    choice.classList.toggle("on", isOn)
    choice.setAttribute("aria-pressed", String(isOn))
    choice.replaceChildren(icon(isOn ? ICONS.done : ICONS.plus), isOn ? "Chosen" : "Choose")
  }
  return { el: h("figure", {}, stage, caption), show, put, mark }
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
