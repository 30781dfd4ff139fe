// Two to four chosen images side by side over the whole page, enlarged and moved as one.

import { boxSwitch } from "../boxes.js"
import { h, ICONS, squareButton } from "../dom.js"
import { pictureStage, zoomTogether } from "./stages.js"

/** @import { ImageItem } from "../types" */

/** So many images have room beside each other. */
export const MOST = 4

/** @param {() => ImageItem[]} images returns those to compare */
export function compareFew(images) {
  let loading = new AbortController()
  /** @type {ReturnType<typeof pictureStage>[]} */
  let shown = []
  const boxes = boxSwitch()
  const stages = h("div", { class: "stages few" })
  const zoom = zoomTogether(stages, () => shown)
  /**
   * @param {ImageItem} item
   * @param {ReturnType<typeof pictureStage>} stage
   */
  const side = (item, stage) =>
    h(
      "figure",
      {},
      stage.el,
      h(
        "figcaption",
        {},
        h("span", { class: "label", title: item.id }, item.label),
        stage.show(item, loading.signal),
      ),
    )
  const el = h(
    "dialog",
    {
      class: "comparison",
      "aria-labelledby": "few-title",
      onclose: () => loading.abort(),
      onkeydown: (event) => {
        if (!event.ctrlKey && !event.metaKey && !event.altKey) {
          zoom.keys[event.key]?.()
        }
        event.stopPropagation() // the page has other uses for these keys
      },
    },
    h(
      "div",
      { class: "row topline" },
      h("div", { id: "few-title", class: "heading-line", tabindex: "-1", autofocus: true }, "Compare"),
      h("span", { class: "muted grow hints" }, "Scroll to enlarge all, drag to move them."),
      boxes,
      squareButton("Close (Esc)", ICONS.close, () => el.close()),
    ),
    stages,
  )
  const open = () => {
    const few = images().slice(0, MOST)
    loading = new AbortController()
    boxes.hidden = !few.some((item) => item.boxes)
    shown = few.map(() => pictureStage(() => zoom.again()))
    stages.style.setProperty("--columns", String(few.length === MOST ? 2 : few.length))
    stages.replaceChildren(
      ...few.flatMap((item, i) => {
        const stage = shown[i]
        return stage ? [side(item, stage)] : []
      }),
    )
    zoom.reset()
    el.showModal()
  }
  return { el, open }
}
