// The field that tags images, and the tags they have.

import { h, ICONS, icon, onChange } from "../dom.js"

/** @import { Child, Message, Model } from "../types" */

/**
 * A form whose field sends a tag, and proposes those that are known.
 *
 * @template Properties
 * @param {Model<Properties>} model
 * @param {{ id: string, placeholder: string, label: string, known: keyof Properties & string, tags: () => string[] }} options
 *     `id` of the list of proposals, `known` the property whose change changes them
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
 * A tag that images have, with a button that removes it.
 *
 * @param {{ send_msg(message: Message): void }} model
 * @param {string} tag
 * @param {{ title: string, label: string }} remove what the button is called
 * @param {Child[]} after the tag's name
 */
export function tagChip(model, tag, { title, label }, ...after) {
  return h(
    "span",
    { class: "chip tagged", title: tag },
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
