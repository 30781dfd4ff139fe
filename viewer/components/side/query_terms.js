// The terms of a query, which a person can weigh, turn into their opposite, and remove.

import { h, ICONS, icon } from "../dom.js"
import { imageUrl } from "../text.js"

/** @import { QueryTerm } from "../types" */
/** @import { GalleryModel } from "./gallery.js" */

/** @param {GalleryModel} model */
export function queryTerms(model) {
  return (
    model.parts.length > 0 &&
    h(
      "div",
      { class: "terms", role: "group", "aria-label": "Terms of the query" },
      model.parts.map((part) => termOf(model, part)),
    )
  )
}

/**
 * Build a term of the query: its sign, its weight, and a button that removes it.
 *
 * @param {GalleryModel} model
 * @param {QueryTerm} term
 */
function termOf(model, { key, label, minus, weight, picture, image, problem }) {
  const thumbnail = picture ?? (image && imageUrl("thumb", image))
  const sign = h(
    "button",
    {
      type: "button",
      class: "sign",
      title: minus ? "Ask for more of it" : "Ask for less of it",
      "aria-label": `${minus ? "More" : "Less"} of ${label} instead`,
      onclick: () => model.send_msg({ kind: "turn", term: key }),
    },
    icon(minus ? ICONS.minus : ICONS.plus),
  )
  const weightField = h("input", {
    type: "number",
    class: "weight",
    min: "0.1",
    max: "10",
    step: "0.1",
    value: String(weight),
    "aria-label": `Weight of ${label}`,
    title: "Weight",
    onchange: ({ currentTarget }) => {
      const typed = Number(currentTarget.value)
      if (typed > 0) {
        model.send_msg({ kind: "weigh", term: key, weight: typed })
      } else {
        currentTarget.value = String(weight)
      }
    },
  })
  const remove = h(
    "button",
    {
      type: "button",
      class: "off",
      "aria-label": `Remove ${label}`,
      title: "Remove",
      onclick: () => model.send_msg({ kind: "drop", term: key }),
    },
    icon(ICONS.close),
  )
  return h(
    "span",
    {
      class: `term${minus ? " minus" : ""}`,
      role: "group",
      "aria-label": `${minus ? "Less" : "More"} of ${label}`,
    },
    sign,
    thumbnail && h("img", { src: thumbnail, alt: "" }),
    h("span", { class: "name", title: problem ?? label }, problem ? h("s", {}, label) : label),
    weightField,
    remove,
  )
}
