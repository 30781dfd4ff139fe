// The first image of a group, which is the one to keep where no filter hides that, beside another one over the
// whole page. Both are enlarged and moved as one, so that one sees which is sharper.

import { boxSwitch } from "../boxes.js"
import { h, ICONS, icon, squareButton } from "../dom.js"
import { formatNumber } from "../text.js"
import { pictureStage, zoomTogether } from "./stages.js"

/** @import { Cell } from "./finding_gallery.js" */

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
  let loading = new AbortController()
  const sides = [sideOf(() => zoom.again()), sideOf(() => zoom.again())]
  const stages = h(
    "div",
    { class: "stages" },
    sides.map(({ el: side }) => side),
  )
  const zoom = zoomTogether(stages, () => sides)
  const place = h("span", { class: "muted place", role: "status" })
  const boxes = boxSwitch()
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
    boxes.hidden = !pair.some(({ item }) => item.boxes)
    for (const [i, cell] of pair.entries()) {
      sides[i]?.show(cell, loading.signal)
    }
    zoom.reset()
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
  const close = () => el.close()
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    ...zoom.keys,
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
      boxes,
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
  const stage = pictureStage(onload)
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
    const problem = stage.show(item, signal)
    sign.hidden = item.keep !== true
    label.textContent = item.label
    label.title = item.id
    facts.textContent = item.facts ?? ""
    note.replaceChildren(h("span", {}, item.note), problem)
  }
  const mark = () => {
    const isOn = shown?.tick.getAttribute("aria-checked") === "true"
    choice.classList.toggle("on", isOn)
    choice.setAttribute("aria-pressed", String(isOn))
    const word = isOn ? "Chosen" : "Choose"
    choice.setAttribute("aria-label", `${word} ${shown?.item.label ?? ""}`)
    choice.replaceChildren(icon(isOn ? ICONS.done : ICONS.plus), word)
  }
  return { el: h("figure", {}, stage.el, caption), show, put: stage.put, mark }
}
