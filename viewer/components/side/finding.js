// An open finding: its words, which of its images are chosen, what to do about those, and the images.

import { draw, h, ICONS, icon, onChange } from "../dom.js"
import { countImages, formatNumber } from "../text.js"
import { batched } from "../timing.js"
import { excludedLine, fetchOffered, formatMenu, messageLine } from "./export_menu.js"
import { findingGallery } from "./finding_gallery.js"
import { tagChips, tagForm } from "./tag_fields.js"

/** @import { Child } from "../types" */
/** @import { InsightsModel, Properties } from "./insights.js" */

const LISTS = [
  { format: "csv", label: "CSV table" },
  { format: "json", label: "JSON" },
]
const TAG = "M4 4h7l9 9-7 7-9-9zM8 8h.01"
const EXCLUDE = "M12 4a8 8 0 100 16 8 8 0 000-16zM6.500 6.500l11 11"

/**
 * Build the view. `heading` returns its title once a finding is open.
 *
 * @param {InsightsModel} model
 */
export function findingView(model) {
  /**
   * @param {(keyof Properties)[]} names
   * @param {() => Child} build
   */
  const part = (names, build) => draw(model, names, () => [build()], "part")
  const words = part(["found"], () => headingOf(model))
  const acts = h(
    "div",
    { class: "block deeds" },
    findingTagForm(model),
    actionLine(model),
    part(["note"], () => model.note && h("div", { class: "hint", role: "status" }, model.note)),
    part(["left_out"], () => excludedLine(model.left_out, () => model.send_msg({ kind: "include" }))),
    part(["given", "chosen"], () => tagChips(model, model.chosen, "what is chosen")),
    part(["trouble"], () => model.trouble && h("div", { class: "error", role: "alert" }, model.trouble)),
  )
  const showActs = () => {
    acts.hidden = model.chosen === 0
  }
  model.on("chosen", showActs)
  showActs()
  /** @returns {boolean} */
  const toggleActs = () => el.classList.toggle("acting")
  const el = h(
    "div",
    { class: "contents" },
    h("div", { class: "above" }, topLine(model, toggleActs), words),
    h("div", { class: "block acts" }, chooseLine(model), acts),
    findingGallery(model),
  )
  return { el, heading: () => words.querySelector("h2") }
}

/**
 * @param {InsightsModel} model
 * @param {() => boolean} toggleActs shows what to do about the images, or hides it; returns whether it shows
 */
function topLine(model, toggleActs) {
  const back = () => model.send_msg({ kind: "back" })
  const zoom = () => model.send_msg({ kind: "zoom" })
  return h(
    "div",
    { class: "row" },
    h(
      "button",
      { class: "action quiet back", type: "button", title: "Back (Esc)", onclick: back },
      icon(ICONS.left),
      "Insights",
    ),
    h("span", { class: "grow" }),
    h(
      "button",
      {
        class: "action narrow",
        type: "button",
        "aria-expanded": "false",
        onclick: ({ currentTarget }) => currentTarget.setAttribute("aria-expanded", String(toggleActs())),
      },
      icon(TAG),
      "Act",
    ),
    h("button", { class: "action", type: "button", onclick: zoom }, icon(ICONS.target), "Zoom"),
  )
}

/** @param {InsightsModel} model */
function headingOf({ found }) {
  if (found.key === undefined) {
    return false
  }
  const { title, detail, hidden } = found
  return h(
    "div",
    { class: "words" },
    h("h2", { tabindex: "-1" }, title),
    detail && h("div", { class: "muted" }, detail),
    hidden > 0 && h("div", { class: "muted" }, `The filters hide ${countImages(hidden)} of it.`),
  )
}

/**
 * Build the line that says how many images are chosen, and the buttons that choose all, those that are not to
 * keep, or none. The buttons stay while they change, and so does the keyboard's focus.
 *
 * @param {InsightsModel} model
 */
function chooseLine(model) {
  /** @param {() => void} onclick */
  const button = (onclick) => h("button", { class: "part-of", type: "button", onclick })
  const all = button(() => model.send_msg({ kind: "choose_all" }))
  const spare = button(() => model.send_msg({ kind: "choose_spare" }))
  const none = button(() => model.send_msg({ kind: "choose_none" }))
  const said = h("span", { class: "grow muted", role: "status" })
  const update = () => {
    const { found, chosen, chosen_spare } = model
    if (found.key === undefined) {
      return
    }
    const count = found.count
    const spares = found.spare ?? 0
    const onlySpare = chosen === spares && chosen_spare === spares
    said.textContent = `${formatNumber(chosen)} of ${formatNumber(count)} chosen`
    press(all, "All", count > 0 && chosen === count)
    press(spare, `Not kept ${formatNumber(spares)}`, chosen > 0 && onlySpare)
    press(none, "None", chosen === 0)
    spare.hidden = spares === 0 || spares === count
  }
  onChange(model, ["found", "chosen", "chosen_spare"], batched(update))
  update()
  const buttons = h("div", { class: "parts", role: "group", "aria-label": "Choose" }, all, spare, none)
  return h("div", { class: "row choosing" }, said, buttons)
}

/**
 * @param {HTMLButtonElement} button
 * @param {string} words
 * @param {boolean} isOn
 */
function press(button, words, isOn) {
  button.textContent = words
  button.setAttribute("aria-pressed", String(isOn))
}

/** @param {InsightsModel} model */
function findingTagForm(model) {
  const button = h("button", { class: "action", type: "submit" }, icon(TAG), "Tag")
  const options = {
    id: "known-tags-of-findings",
    placeholder: "Tag what is chosen…",
    label: "Tag what is chosen of the finding",
    known: /** @type {const} */ ("known"),
    tags: () => model.known,
  }
  const form = tagForm(model, options, button)
  form.className = "row tagging"
  return form
}

/** @param {InsightsModel} model */
function actionLine(model) {
  const messages = messageLine()
  model.on("offered", () => fetchOffered(model.offered, model.chosen, messages.show))
  const exclude = h(
    "button",
    {
      class: "action",
      type: "button",
      "aria-label": "Exclude from exports",
      title: "Exports leave them out from now on",
      onclick: () => model.send_msg({ kind: "exclude" }),
    },
    icon(EXCLUDE),
    h("span", {}, "Exclude", h("span", { class: "lengthy" }, " from exports")),
  )
  const save = formatMenu("Save the list", LISTS, (format) => {
    model.send_msg({ kind: "export", format })
    messages.show("The download starts…")
  })
  return h("div", { class: "row wrap" }, exclude, save, messages.el)
}
