// Controls for tags: a field that adds one, and chips that remove one.

import { h, ICONS, icon, onChange } from "../dom.js"
import { formatNumber } from "../text.js"

/** @import { Child, Message, Model } from "../types" */

/**
 * The texts of a form, and where its suggestions come from.
 *
 * @template Properties
 * @typedef {object} TagFormOptions
 * @property {string} id of the list of suggestions
 * @property {string} placeholder
 * @property {string} label
 * @property {keyof Properties & string} known the property that the suggestions depend on
 * @property {() => string[]} tags returns the suggestions
 */

/**
 * Build a form that adds a tag and suggests known tags.
 *
 * @template Properties
 * @param {Model<Properties>} model
 * @param {TagFormOptions<Properties>} options
 * @param {Child[]} after the field
 */
export function tagForm(model, { id, placeholder, label, known, tags }, ...after) {
  const proposals = h("datalist", { id })
  const propose = () => proposals.replaceChildren(...tags().map((tag) => h("option", { value: tag })))
  const input = h("input", {
    class: "field",
    type: "text",
    maxlength: "200",
    placeholder,
    "aria-label": label,
    list: id,
    autocomplete: "off",
  })
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault()
        if (input.value.trim()) {
          model.send_msg({ kind: "tag", text: input.value })
          input.value = ""
        }
      },
    },
    input,
    proposals,
    after,
  )
  onChange(model, [known], propose)
  propose()
  return form
}

/**
 * Build a chip for a tag, with a button that removes it.
 *
 * @param {{ send_msg(message: Message): void, colours?: Record<string, string> }} model
 * @param {string} tag
 * @param {{ title: string, label: string }} remove title and accessible name of the button
 * @param {Child[]} after the tag's name
 */
export function tagChip(model, tag, { title, label }, ...after) {
  return h(
    "span",
    { class: "chip tagged", title: tag },
    model.colours?.[tag] && h("i", { class: "dot", style: `background:${model.colours[tag]}` }),
    h("span", {}, tag),
    after,
    h(
      "button",
      {
        class: "remove",
        type: "button",
        title,
        "aria-label": label,
        onclick: () => model.send_msg({ kind: "untag", tag }),
      },
      icon(ICONS.close),
    ),
  )
}

/**
 * Build a chip for each tag of several images, with how many of them have it where it is not all; false
 * without tags.
 *
 * @param {{ send_msg(message: Message): void, given: [string, number][], colours?: Record<string, string> }} model
 * @param {number} count how many images there are
 * @param {string} images what the page calls them
 */
export function tagChips(model, count, images) {
  const chips = model.given.map(([tag, having]) =>
    tagChip(
      model,
      tag,
      { title: `Remove “${tag}” from ${images}`, label: `Remove the tag ${tag} from ${images}` },
      having < count && h("span", { class: "muted" }, formatNumber(having)),
    ),
  )
  return chips.length > 0 && h("div", { class: "chips" }, chips)
}
