// The panel of insights: a card for each finding. A press on one opens it in the cards' place.

import { draw, h, ICONS, icon } from "../dom.js"
import { focusedElement } from "../focus.js"
import { formatNumber } from "../text.js"
import { thumbnailFrame } from "../thumbnail.js"
import { findingView } from "./finding.js"

/** @import { Child, Component, ImageItem, Model } from "../types" */

/**
 * The words of a finding. They may hold names of columns and other metadata.
 *
 * @typedef {object} FindingWords
 * @property {string} key
 * @property {string} title
 * @property {string} detail
 */

/** @typedef {FindingWords & { count: number, images: ImageItem[] }} FindingCard */

/**
 * An open finding. Of its images, only those that pass the filters are listed.
 *
 * @typedef {object} OpenCounts
 * @property {number} count how many images are listed
 * @property {number} hidden how many more there are
 * @property {number | null} groups how many groups there are; null: each image stands for itself
 * @property {number | null} spare how many images are not to keep; null: nothing is said about keeping
 */

/** @typedef {FindingWords & OpenCounts} OpenFinding */
/** @typedef {{ key?: undefined, count?: undefined }} NoFinding */

/**
 * An image of a finding. One to keep or not has the words `facts` about its file.
 *
 * @typedef {object} Found
 * @property {number} at its place in the finding
 * @property {string} note
 * @property {number} [group]
 * @property {number} [size] how many images the group has
 * @property {boolean} [keep]
 * @property {string} [facts]
 */

/** @typedef {ImageItem & Found} FoundItem */

/**
 * @typedef {object} Properties
 * @property {FindingCard[]} cards
 * @property {"" | "looking" | "failed"} status why `cards` may not be all
 * @property {OpenFinding | NoFinding} found the open finding
 * @property {number} start the place of the first of `items` in the list
 * @property {number} total how long the list is, without what is folded
 * @property {FoundItem[]} items one page of the list
 * @property {number} turn changes with each page
 * @property {{ group?: number, items?: FoundItem[] }} unfolded the images of a group that were folded
 * @property {number[]} unchosen the images that are here and not chosen
 * @property {number[]} excluded the images that are here and that exports leave out
 * @property {number} chosen how many images are chosen
 * @property {number} chosen_spare how many of them are not to keep
 * @property {number} left_out how many of them exports leave out
 * @property {[string, number][]} given their tags, and how many of them have each
 * @property {string[]} known all tags
 * @property {string} trouble why a tag could not be kept, ""
 * @property {string} note what the last action left undone, ""
 * @property {{ token?: string, kind?: string }} offered a list to fetch
 * @property {string} selected the id of the open image
 */

/** @typedef {Model<Properties>} InsightsModel */

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  const list = draw(model, ["cards", "status"], () => cardList(model), "contents findings")
  const finding = findingView(model)
  const root = h("div", { class: "root" }, list, finding.el)
  let shown = ""
  let listTop = 0 // how far the cards were scrolled
  const update = () => {
    const key = model.found.key ?? ""
    if (key === shown) {
      return
    }
    const hadFocus = root.contains(focusedElement())
    const before = shown
    const scroller = scrollerOf(view.el)
    if (!before) {
      listTop = scroller.scrollTop
    }
    shown = key
    list.hidden = key !== ""
    finding.el.hidden = key === ""
    // What lies below the cards has its room again by then.
    requestAnimationFrame(() => {
      scroller.scrollTop = key ? 0 : listTop
    })
    if (hadFocus) {
      const target = key ? finding.heading() : cardOf(list, before)
      target?.focus({ preventScroll: true })
    }
  }
  model.on("found", () => queueMicrotask(update)) // once its words are drawn
  finding.el.hidden = true
  update()
  return root
}

/**
 * Return the element that scrolls this component, and others beside it: the one that holds them.
 *
 * @param {HTMLElement} el
 */
function scrollerOf(el) {
  const root = el.getRootNode()
  return root instanceof ShadowRoot ? root.host : el
}

/**
 * @param {HTMLElement} list
 * @param {string} key of a finding
 */
function cardOf(list, key) {
  const cards = /** @type {HTMLElement[]} */ ([...list.querySelectorAll(".finding")])
  return cards.find((card) => card.dataset.key === key)
}

/**
 * @param {InsightsModel} model
 * @returns {Child[]}
 */
function cardList(model) {
  const { cards, status } = model
  if (status === "failed") {
    const again = () => model.send_msg({ kind: "again" })
    return [
      h(
        "div",
        { class: "error", role: "alert" },
        "The findings could not be read. The server's log says why.",
      ),
      h("div", {}, h("button", { class: "action", type: "button", onclick: again }, "Try again")),
    ]
  }
  if (cards.length === 0) {
    return status === "looking"
      ? [h("div", { class: "muted", role: "status" }, "Looking…")]
      : [nothingFound()]
  }
  return [
    h(
      "div",
      { class: "heading" },
      h("h2", {}, "Worth a look"),
      h("div", { class: "muted" }, "Open one to see it on the map, and to tag or exclude its images."),
    ),
    ...cards.map((card) => findingCard(model, card)),
  ]
}

function nothingFound() {
  return h(
    "div",
    { class: "heading" },
    h("h2", {}, "Nothing was found"),
    h(
      "div",
      { class: "muted" },
      "Either nothing in this dataset stands out, or nobody has looked: insights may be off, or an earlier ",
      "Clipper made this index. Indexing again makes sure.",
    ),
  )
}

/**
 * @param {InsightsModel} model
 * @param {FindingCard} card
 */
function findingCard(model, { key, title, detail, count, images }) {
  const rest = count - images.length
  const strip = images.map((image) => thumbnailFrame(image, { loading: "lazy", decoding: "async" }))
  return h(
    "button",
    {
      class: "finding",
      type: "button",
      "data-key": key,
      onclick: () => model.send_msg({ kind: "show", key }),
    },
    h("span", { class: "row top" }, h("span", { class: "grow name" }, title), icon(ICONS.right)),
    detail && h("span", { class: "muted detail" }, detail),
    h(
      "span",
      { class: "strip" },
      strip,
      rest > 0 && h("span", { class: "beyond muted" }, `+${formatNumber(rest)}`),
    ),
  )
}
