// Shows a button beside the label of each query on the map, which removes the query's mark.

import { arrange, h, ICONS, icon, listenWhileShown } from "../dom.js"
import { followFigure, passWheel, pixelOf } from "./follow_figure.js"

/** @import { Component, Figure } from "../types" */

/**
 * A query on the map: `text` is its syntax, `called` its readable form, `label` the text on the map; x and y
 * are map units.
 *
 * @typedef {{ text: string, called: string, label: string, x: number, y: number }} Mark
 */

/** @typedef {{ left: number, right: number, top: number, bottom: number }} Box */

/** The font of the labels; the server sets it in overlays.py. */
const FONT = '700 12.5px "Inter Variable", system-ui, sans-serif'

/**
 * Pixels: between label and button, a button's side, and half the height around a label that belongs to it.
 */
const PADDING = 8
const SIZE = 24
const HALF = 14

/**
 * Return the place of a mark's button, and the box within which the pointer reveals it.
 *
 * @param {{ x: number, y: number }} words the middle of the label, in pixels
 * @param {number} textWidth
 * @param {number} raised pixels from the query's place up to the words
 * @param {number} paneWidth
 */
export function placeButton(words, textWidth, raised, paneWidth) {
  const half = textWidth / 2 + PADDING
  return {
    left: Math.min(words.x + half - 2, paneWidth - SIZE - 2), // keep the button within the pane
    top: words.y - SIZE / 2,
    box: {
      left: words.x - half - 2,
      right: words.x + half + SIZE + 4,
      top: words.y - HALF,
      bottom: words.y + raised + HALF,
    },
  }
}

/**
 * @param {Box | undefined} box
 * @param {number} x
 * @param {number} y
 */
function holds(box, x, y) {
  return box !== undefined && x >= box.left && x <= box.right && y >= box.top && y <= box.bottom
}

/** Return a function that measures the width of a label on the map. */
function textMeasure() {
  const context = document.createElement("canvas").getContext("2d")
  /** @param {string} text */
  return (text) => {
    if (!context) {
      return 0
    }
    context.font = FONT
    return context.measureText(text).width
  }
}

/**
 * @typedef {object} Properties
 * @property {Mark[]} marks
 * @property {number} raised pixels from a query's place up to the middle of its words
 */

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  const root = h("div", { class: "root over" })
  const widthOf = textMeasure()
  /**
   * Buttons by query. A button that stays keeps its focus.
   *
   * @type {Map<string, { el: HTMLButtonElement, box?: Box }>}
   */
  const buttons = new Map()
  /** @param {Figure} shown */
  const place = (shown) => {
    for (const mark of model.marks) {
      const button = buttons.get(mark.text)
      if (button) {
        placeOne(button, mark, shown)
      }
    }
  }
  /**
   * @param {{ el: HTMLButtonElement, box?: Box }} button
   * @param {Mark} mark
   * @param {Figure} shown
   */
  const placeOne = (button, mark, shown) => {
    const { inner_width, inner_height } = shown
    const at = pixelOf(mark, shown)
    const words = { x: at.x, y: at.y - model.raised }
    const { left, top, box } = placeButton(words, widthOf(mark.label), model.raised, inner_width)
    button.box = box
    button.el.hidden = words.x < 0 || words.x > inner_width || words.y < 0 || words.y > inner_height
    button.el.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`
  }
  const followed = followFigure(model, root, () => model.marks.length > 0, place)
  /** @param {Mark} mark */
  const buttonOf = ({ text, called }) => {
    const attributes = {
      class: "remove",
      title: "Remove from the map",
      "aria-label": `Take the mark of ${called} off the map`,
      onclick: () => model.send_msg({ kind: "forget", text }),
      /** @param {WheelEvent} event */
      onwheel: (event) => passWheel(event, followed.figure()),
    }
    return { el: h("button", { type: "button", ...attributes }, icon(ICONS.close)) }
  }
  const update = () => {
    const texts = new Set(model.marks.map(({ text }) => text))
    for (const text of [...buttons.keys()]) {
      if (!texts.has(text)) {
        buttons.delete(text)
      }
    }
    const elements = model.marks.map((mark) => {
      const button = buttons.get(mark.text) ?? buttonOf(mark)
      buttons.set(mark.text, button)
      return button.el
    })
    arrange(root, elements)
    followed.updateSoon()
  }
  /**
   * Show the button of the mark under the pointer. Of several marks at one place the newest is meant, as it
   * is by a click.
   *
   * @param {PointerEvent} event
   */
  const showNear = (event) => {
    const pane = view.el.getBoundingClientRect()
    const [x, y] = [event.clientX - pane.left, event.clientY - pane.top]
    const isDrag = event.buttons > 0 && event.type === "pointermove"
    const inOrder = model.marks.flatMap(({ text }) => buttons.get(text) ?? [])
    const near = isDrag ? undefined : inOrder.find(({ el, box }) => !el.hidden && holds(box, x, y))
    for (const { el } of buttons.values()) {
      el.classList.toggle("near", el === near?.el)
    }
  }
  listenWhileShown(model, document, ["pointermove", "pointerdown"], showNear, { passive: true })
  model.on("marks", update)
  update()
  return root
}
