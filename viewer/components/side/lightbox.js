// The open image over the whole page.

import { boxSwitch } from "../boxes.js"
import { h, ICONS, squareButton } from "../dom.js"
import { formatNumber } from "../text.js"
import { pictureStage, zoomTogether } from "./stages.js"

/** @import { DetailModel } from "./detail.js" */

/**
 * Build a dialog with the image over the whole page, to be enlarged and moved. It follows the open image and
 * closes with it.
 *
 * @param {DetailModel} model
 */
export function lightbox(model) {
  let loading = new AbortController()
  const stage = pictureStage(() => zoom.again())
  const stages = h("div", { class: "stages one" }, stage.el)
  const zoom = zoomTogether(stages, () => [stage])
  const title = h("div", { id: "light-title", class: "heading-line grow", tabindex: "-1", autofocus: true })
  const note = h("div", {})
  const boxes = boxSwitch()
  const el = h(
    "dialog",
    {
      class: "light",
      "aria-labelledby": "light-title",
      onclose: () => loading.abort(),
      onkeydown: (event) => {
        const key = zoom.keys[event.key]
        if (key && !event.ctrlKey && !event.metaKey && !event.altKey) {
          key()
        }
        if (key || event.key === "Escape") {
          event.stopPropagation()
        }
      },
    },
    h(
      "div",
      { class: "row topline" },
      title,
      h("span", { class: "muted hints" }, "Scroll to enlarge, drag to move."),
      boxes,
      squareButton("Close (Esc)", ICONS.close, () => el.close()),
    ),
    stages,
    note,
  )
  let shown = ""
  const update = () => {
    const { item, place, among } = model
    if (!item.id) {
      el.close()
      return
    }
    const order = ` · ${formatNumber(place)} of ${formatNumber(among)}`
    boxes.hidden = !item.boxes
    title.textContent = item.label + (place > 0 ? order : "")
    if (shown !== item.id + item.stamp || loading.signal.aborted) {
      shown = item.id + item.stamp
      loading.abort()
      loading = new AbortController()
      note.replaceChildren(stage.show(item, loading.signal))
      zoom.reset()
    }
  }
  const updateOpen = () => {
    if (el.open) {
      update()
    }
  }
  model.on("item", updateOpen)
  model.on("place", updateOpen)
  const open = () => {
    update()
    el.showModal()
  }
  return { el, open, close: () => el.close() }
}
