// The open image: its picture, its metadata and tags, and the most similar images.

import { boxSwitch } from "../boxes.js"
import { copyText, draw, h, ICONS, icon, squareButton } from "../dom.js"
import { coverNeighbours } from "../focus.js"
import { formatNumber, formatValue } from "../text.js"
import { cardName, imageCard, similarityFigure } from "./cards.js"
import { lightbox } from "./lightbox.js"
import { pictureOf } from "./picture.js"
import { tagChip, tagForm } from "./tag_fields.js"

/** @import { Component, ImageItem, Model } from "../types" */

/** @typedef {ImageItem & { values: [string, string | string[]][] }} DetailItem */
/** @typedef {{ id?: undefined, stamp?: undefined, label?: undefined }} NoItem */

/**
 * @typedef {object} Properties
 * @property {DetailItem | NoItem} item the open image
 * @property {ImageItem[]} similar
 * @property {boolean} more whether there are more similar images
 * @property {string} path where the original lies
 * @property {number} place of the image among those that one steps through, from 1; 0: it is none of them
 * @property {number} among how many those are
 * @property {boolean} chosen whether the image is in the selection
 * @property {string[]} given its tags
 * @property {Record<string, string>} colours of tags
 * @property {string[]} known all tags
 * @property {string} trouble why a tag could not be kept, ""
 */

/** @typedef {Model<Properties>} DetailModel */

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  const light = lightbox(model)
  const parts = {
    steps: stepButtons(model),
    path: pathLine(model),
    choice: chooseButton(model),
    tagging: tagging(model),
    similar: similarImages(model),
    boxes: boxSwitch(),
  }
  let shown = "" // the image of the picture, which stays if only the metadata changes
  /** @type {HTMLElement | null} */
  let picture = null
  let loading = new AbortController()
  const close = () => {
    shown = ""
    loading.abort()
    light.close()
    return []
  }
  const sheet = draw(model, ["item"], () => {
    const { item } = model
    if (!item.id) {
      return close()
    }
    const key = `${item.id} ${item.stamp}`
    const isNew = shown !== key
    if (isNew) {
      loading.abort() // do not finish loading the previous image
      loading = new AbortController()
      picture = pictureOf(item, light.open, loading.signal)
      shown = key
    }
    return [
      h(
        "section",
        { class: `sheet${isNew ? " arriving" : ""}`, "aria-label": `Details of ${item.label}` },
        heading(model, item, parts.steps),
        picture,
        parts.path,
        h(
          "div",
          { class: "row more" },
          likeButton(model, item, false),
          likeButton(model, item, true),
          item.boxes && parts.boxes,
        ),
        h("div", { class: "row marks" }, parts.choice, parts.tagging),
        item.values.length > 0 && h("dl", {}, item.values.map(valueRow)),
        parts.similar,
      ),
    ]
  })
  coverNeighbours(
    view.el,
    () => sheet.querySelector("h2"),
    () => Boolean(model.item.id),
    (look) => model.on("item", look),
  )
  return h("div", { class: "root" }, sheet, light.el)
}

/**
 * @param {DetailModel} model
 * @param {DetailItem} item
 * @param {HTMLElement} steps
 */
function heading(model, item, steps) {
  const close = { title: "Close (Esc)" }
  return h(
    "div",
    { class: "row top" },
    h("h2", { class: "grow", tabindex: "-1" }, item.label),
    steps,
    squareButton("Show on the map", ICONS.target, () => model.send_msg({ kind: "locate" })),
    squareButton("Close details", ICONS.close, () => model.send_msg({ kind: "close" }), close),
  )
}

/** @param {[string, string | string[]]} value of a column */
function valueRow([name, value]) {
  const tags = (/** @type {string[]} */ values) =>
    values.map((text) => h("span", { class: "tag" }, formatValue(text)))
  const shown = Array.isArray(value) ? h("div", { class: "tags" }, tags(value)) : value
  return [h("dt", {}, name), h("dd", {}, shown)]
}

/**
 * Build the buttons to the previous and the next image of the selection or the results.
 *
 * @param {DetailModel} model
 */
function stepButtons(model) {
  /** @param {-1 | 1} by */
  const step = (by) => () => model.send_msg({ kind: "step", by })
  return draw(
    model,
    ["place", "among"],
    () => {
      const { place, among } = model
      if (place === 0) {
        return []
      }
      return [
        squareButton("Previous image (←)", ICONS.left, step(-1), { disabled: place === 1 }),
        h("span", { class: "muted place" }, `${formatNumber(place)} / ${formatNumber(among)}`),
        squareButton("Next image (→)", ICONS.right, step(1), { disabled: place === among }),
      ]
    },
    "step",
  )
}

/** @param {DetailModel} model */
function pathLine(model) {
  return draw(
    model,
    ["path"],
    () => {
      const button = squareButton("Copy the path", ICONS.copy, async () => {
        const done = await copyText(model.path)
        button.replaceChildren(icon(done ? ICONS.done : ICONS.close))
        button.title = done ? "Copied" : "The browser did not let it be copied"
      })
      return [h("span", { class: "grow muted" }, model.path), button]
    },
    "row path",
  )
}

/** @param {DetailModel} model */
function chooseButton(model) {
  return draw(
    model,
    ["chosen"],
    () => [
      h(
        "button",
        {
          class: `chip${model.chosen ? " on" : ""}`,
          type: "button",
          "aria-pressed": String(model.chosen),
          onclick: () => model.send_msg({ kind: "toggle" }),
        },
        icon(model.chosen ? ICONS.done : ICONS.plus),
        h("span", {}, model.chosen ? "Chosen" : "Choose"),
      ),
    ],
    "choice",
  )
}

/** @param {DetailModel} model */
function tagging(model) {
  /** @param {string} tag */
  const chip = (tag) => tagChip(model, tag, { title: "Remove", label: `Remove the tag ${tag}` })
  const form = tagForm(model, {
    id: "known-tags-of-one",
    placeholder: "Add a tag…",
    label: "Add a tag",
    known: "known",
    tags: () => model.known,
  })
  const trouble = () => [model.trouble && h("div", { class: "error", role: "alert" }, model.trouble)]
  return h(
    "div",
    { class: "tagging" },
    draw(model, ["given", "colours"], () => model.given.map(chip), "chips"),
    form,
    draw(model, ["trouble"], trouble, "part"),
  )
}

/**
 * Build a button that searches for more or less like an image.
 *
 * @param {DetailModel} model
 * @param {DetailItem} item
 * @param {boolean} minus
 */
function likeButton(model, { id }, minus) {
  return h(
    "button",
    {
      class: `chip${minus ? " less" : ""}`,
      type: "button",
      onclick: () => model.send_msg({ kind: "like", id, minus }),
    },
    icon(minus ? ICONS.minus : ICONS.plus),
    `${minus ? "Less" : "More"} like this`,
  )
}

/** @param {DetailModel} model */
function similarImages(model) {
  /** @param {ImageItem} item */
  const card = (item) =>
    imageCard(
      model,
      item,
      { "aria-label": cardName({ ...item, value: "" }) },
      ...similarityFigure(item.similarity),
    )
  const choose = () =>
    h(
      "button",
      { class: "action", type: "button", onclick: () => model.send_msg({ kind: "choose" }) },
      icon(ICONS.plus),
      "Choose them",
    )
  const more = () =>
    h(
      "button",
      { class: "action", type: "button", onclick: () => model.send_msg({ kind: "similar" }) },
      "Show more",
    )
  return draw(
    model,
    ["similar", "more"],
    () =>
      model.similar.length > 0
        ? [
            h("div", { class: "row" }, h("h3", { class: "grow" }, "Most similar images"), choose()),
            h("div", { class: "grid" }, model.similar.map(card)),
            model.more && more(),
          ]
        : [],
    "alike",
  )
}
