// Cards of images: a thumbnail, a name and figures. A press opens the image. Cards of results also have
// buttons that search for more or less like it.

import { h, ICONS, icon } from "../dom.js"
import { formatNumber } from "../text.js"
import { thumbnailFrame } from "../thumbnail.js"

/** @import { Attributes, Child, ImageItem, Message, ResultItem } from "../types" */

/** @typedef {{ send_msg(message: Message): void }} Sender */

/** The largest score. Cards do not show it, because many results would have it. */
const FULL_SCORE = 100

/** The data type of a dragged result. */
export const DRAGGED_IMAGE = "application/x-clipper-image"

/**
 * Build a card that opens its image, and marks the image on the map while the pointer is on the card.
 *
 * @param {Sender} model
 * @param {ImageItem} item
 * @param {Attributes<HTMLButtonElement>} attributes
 * @param {Child[]} figures
 */
export function imageCard(model, item, attributes, ...figures) {
  const thumbnail = thumbnailFrame(item, { loading: "lazy", decoding: "async", draggable: "false" })
  return h(
    "button",
    {
      class: "card",
      type: "button",
      "aria-label": cardName(item),
      title: item.label,
      "data-id": item.id,
      onclick: () => model.send_msg({ kind: "open", id: item.id }),
      onmouseenter: () => model.send_msg({ kind: "point", id: item.id }),
      onmouseleave: () => model.send_msg({ kind: "point", id: null }),
      ...attributes,
    },
    thumbnail,
    h("div", { class: "caption" }, h("span", { class: "label" }, item.label)),
    " ", // words that only a style parts would be one word to those who hear them
    figures.length > 0 &&
      h(
        "span",
        { class: "figures" },
        figures.flat().flatMap((figure) => [figure, " "]),
      ),
  )
}

/**
 * Say what a card shows, in the order in which it shows it, as a person who speaks to the page may do; then
 * what its figures are.
 *
 * @param {ImageItem & { value?: string, scale?: string }} item
 * @param {number} [score] of 100, where it is shown; the item has the name of its scale
 */
export function cardName({ label, similarity, value, scale = "" }, score) {
  const shown = [
    similarity != null && [similarity.toFixed(3), "similarity"],
    value && [value, "value"],
    score !== undefined && [String(score), scale],
  ].filter(Array.isArray)
  const figures = shown.map(([figure]) => `, ${figure}`).join("")
  return `${label}${figures} ${shown.map(([, name]) => name).join(" and ")}`.trim()
}

/**
 * Build the figure of a similarity; an empty list if there is none.
 *
 * @param {number | undefined} similarity
 * @returns {HTMLElement[]}
 */
export function similarityFigure(similarity) {
  return similarity == null ? [] : [h("span", { class: "score" }, similarity.toFixed(3))]
}

/**
 * Build the figure of the value that sorts images; an empty list without one.
 *
 * @param {string | undefined} value
 * @returns {HTMLElement[]}
 */
export function valueFigure(value) {
  return value ? [h("span", { class: "score" }, value)] : []
}

/**
 * Build the card of a result. The Tab key skips it: its grid moves the focus.
 *
 * @param {Sender} model
 * @param {ResultItem} item
 */
function resultCard(model, item) {
  const { id, label, similarity, score, scale } = item
  const similarityText = similarity?.toFixed(3)
  const explained = score == null ? "" : `\ncosine ${similarityText}, ${scale} ${score} of ${FULL_SCORE}`
  const isTelling = score != null && score < FULL_SCORE
  const scoreFigure = isTelling && h("span", { class: "muted", title: `${scale}, of 100` }, String(score))
  const figures = [...similarityFigure(similarity), ...valueFigure(item.value)]
  return imageCard(
    model,
    item,
    {
      tabindex: "-1",
      "aria-label": cardName(item, isTelling && figures.length > 0 ? score : undefined),
      title: label + explained,
      onfocus: ({ currentTarget }) => {
        if (currentTarget.matches(":focus-visible")) {
          model.send_msg({ kind: "point", id })
        }
      },
      onblur: () => model.send_msg({ kind: "point", id: null }),
    },
    ...(figures.length > 0 ? [...figures, scoreFigure] : []),
  )
}

/**
 * Build a button that searches for more or less like an image. The Tab key skips it too: the open image has
 * the same buttons, and a thousand cards would have three stops each.
 *
 * @param {Sender} model
 * @param {ResultItem} item
 * @param {boolean} minus
 */
function likeButton(model, item, minus) {
  const word = minus ? "Less" : "More"
  return h(
    "button",
    {
      class: `tool${minus ? " less" : ""}`,
      type: "button",
      tabindex: "-1",
      title: `${word} like this`,
      "aria-label": `${word} like ${item.label}`,
      onclick: () => model.send_msg({ kind: "like", id: item.id, minus }),
    },
    icon(minus ? ICONS.minus : ICONS.plus),
  )
}

/**
 * Build a cell of the results' grid: a card, its buttons, and a button that unfolds the nearly identical
 * images.
 *
 * @param {Sender} model
 * @param {ResultItem} item
 * @returns {HTMLElement}
 */
export function resultCell(model, item) {
  const cell = h(
    "div",
    {
      class: "cell",
      draggable: "true",
      ondragstart: (event) => event.dataTransfer?.setData(DRAGGED_IMAGE, item.id),
    },
    resultCard(model, item),
    h("div", { class: "tools" }, likeButton(model, item, false), likeButton(model, item, true)),
  )
  const alike = (item.alike ?? []).map((other) => resultCell(model, other))
  if (alike.length > 0) {
    cell.append(unfoldButton(cell, alike, item.count ?? alike.length))
  }
  return cell
}

/**
 * @param {HTMLElement} cell
 * @param {HTMLElement[]} folded the cells of the nearly identical images
 * @param {number} count
 */
function unfoldButton(cell, folded, count) {
  for (const other of folded) {
    other.classList.add("folded")
  }
  const button = h(
    "button",
    {
      class: "alike",
      type: "button",
      "aria-expanded": "false",
      title: "Show those that are nearly the same",
      onclick: () => {
        const open = button.getAttribute("aria-expanded") !== "true"
        button.setAttribute("aria-expanded", String(open))
        if (open) {
          cell.after(...folded)
        } else {
          for (const other of folded) {
            other.remove()
          }
        }
      },
    },
    `+${formatNumber(count)} alike`,
  )
  return button
}

/**
 * Return the cards of a grid.
 *
 * @param {HTMLElement} grid
 * @returns {HTMLElement[]}
 */
export function cardsIn(grid) {
  return [...grid.querySelectorAll(".card")].filter((el) => el instanceof HTMLElement)
}

/**
 * Mark the card of the open image.
 *
 * @param {HTMLElement} grid
 * @param {string} id of the image
 */
export function markOpenCard(grid, id) {
  for (const card of cardsIn(grid)) {
    card.classList.toggle("on", card.dataset.id === id)
  }
}
