// The names of clusters over the map. They move with it at once, while its next picture is still on the way.
// What a person does with the pointer on a name, but for a click, goes to the map beneath it.

import { arrange, h, listenWhileShown } from "../dom.js"
import { mapPaneBelow } from "../find.js"
import { countImages } from "../text.js"
import { coversOver } from "./camera.js"
import { followFigure, mapEvents, passWheel, pixelOf } from "./follow_figure.js"
import { followTool, toolInHand } from "./hand.js"

/** @import { Component, Figure } from "../types" */

/**
 * A name: its cluster's identity and number of images, its middle in map units, and the size of its text and
 * its box in pixels.
 *
 * @typedef {{ id: number, text: string, count: number, x: number, y: number, size: number, width: number, height: number }} Name
 */

/** @typedef {{ left: number, right: number, top: number, bottom: number }} Box */

/** Pixels around a name's box; the style sheet sets it, too. */
const PADDING = { x: 6, y: 2 }

/** By how many names an arrow key moves the focus. */
const STEPS = new Map([
  ["ArrowRight", 1],
  ["ArrowDown", 1],
  ["ArrowLeft", -1],
  ["ArrowUp", -1],
])

/**
 * Return the box of a name in pixels of the pane.
 *
 * @param {Pick<Name, "width" | "height">} name
 * @param {{ x: number, y: number }} middle
 * @returns {Box}
 */
export function boxOf({ width, height }, { x, y }) {
  const [halfWidth, halfHeight] = [width / 2 + PADDING.x, height / 2 + PADDING.y]
  return { left: x - halfWidth, right: x + halfWidth, top: y - halfHeight, bottom: y + halfHeight }
}

/**
 * Return whether a name can be read: it is in the pane, and no card lies over it.
 *
 * @param {Box} box
 * @param {{ width: number, height: number }} pane
 * @param {Box[]} cards
 */
export function isReadable(box, pane, cards) {
  const isInside = box.right > 0 && box.left < pane.width && box.bottom > 0 && box.top < pane.height
  return isInside && !cards.some((card) => touch(box, card))
}

/**
 * @param {Box} a
 * @param {Box} b
 */
function touch(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

/**
 * @typedef {object} Properties
 * @property {string} names as JSON
 * @property {boolean} quiet whether they step back behind results or a selection
 * @property {number[]} chosen the clusters whose images are selected
 */

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  const root = h("div", {
    class: "root over",
    role: "group",
    "aria-label": "Clusters on the map",
    onkeydown: (event) => step(event),
  })
  /**
   * Buttons by cluster. A button that stays keeps its focus.
   *
   * @type {Map<number, HTMLButtonElement>}
   */
  const buttons = new Map()
  /** @type {Name[]} */
  let names = []
  /** @param {Figure} shown */
  const place = (shown) => {
    const pane = view.el.getBoundingClientRect()
    const cards = coversOver(mapPaneBelow(root)).map((card) => within(pane, card.getBoundingClientRect()))
    for (const name of names) {
      const button = buttons.get(name.id)
      if (button) {
        const box = boxOf(name, pixelOf(name, shown))
        button.hidden = !isReadable(box, pane, cards)
        button.style.transform = `translate(${box.left.toFixed(1)}px, ${box.top.toFixed(1)}px)`
      }
    }
    updateStop()
  }
  /** The names are one stop of the Tab key: the one that had the focus last, or the first in view. */
  const updateStop = () => {
    const readable = names.flatMap(({ id }) => buttons.get(id) ?? []).filter((el) => !el.hidden)
    const stop = readable.find((el) => el.tabIndex === 0) ?? readable[0]
    for (const el of buttons.values()) {
      el.tabIndex = el === stop ? 0 : -1
    }
  }
  /** @param {KeyboardEvent} event */
  const step = (event) => {
    const by = STEPS.get(event.key)
    const readable = [...buttons.values()].filter((el) => !el.hidden)
    const at = readable.indexOf(/** @type {HTMLButtonElement} */ (event.target))
    const next = readable[(at + (by ?? 0) + readable.length) % readable.length]
    if (by === undefined || at < 0 || !next) {
      return
    }
    event.preventDefault()
    event.stopPropagation()
    for (const el of buttons.values()) {
      el.tabIndex = el === next ? 0 : -1
    }
    next.focus()
  }
  const followed = followFigure(model, root, () => names.length > 0, place)
  /** @param {Name} name */
  const buttonOf = ({ id }) => {
    const button = h("button", {
      type: "button",
      class: "name",
      tabindex: "-1",
      onclick: () => model.send_msg({ kind: "select", id }),
      onwheel: (event) => passWheel(event, followed.figure()),
      onpointerdown: (event) => {
        if (event.button === 0) {
          handOver(event)
        }
      },
    })
    return button
  }
  /**
   * Give the map a press that began on a name, and what follows: a drag moves the map, a click reaches the
   * server, which knows the names.
   *
   * @param {PointerEvent & { currentTarget: HTMLButtonElement }} event
   */
  const handOver = (event) => {
    const beneath = mapEvents(followed.figure())
    if (!beneath) {
      return
    }
    event.preventDefault()
    event.currentTarget.releasePointerCapture(event.pointerId)
    root.classList.add("passive")
    beneath.dispatchEvent(new PointerEvent(event.type, event))
  }
  const markChosen = () => {
    for (const [id, button] of buttons) {
      button.classList.toggle("chosen", model.chosen.includes(id))
    }
  }
  const update = () => {
    names = JSON.parse(model.names)
    const ids = new Set(names.map(({ id }) => id))
    for (const id of [...buttons.keys()]) {
      if (!ids.has(id)) {
        buttons.delete(id)
      }
    }
    const elements = names.map((name) => {
      const button = buttons.get(name.id) ?? buttonOf(name)
      buttons.set(name.id, button)
      button.textContent = name.text
      button.title = `${name.text}: ${countImages(name.count)}`
      button.setAttribute("aria-label", `Select ${name.text}, ${countImages(name.count)}`)
      button.style.fontSize = `${name.size}px`
      button.style.width = `${name.width}px`
      button.style.height = `${name.height}px`
      return button
    })
    arrange(root, elements)
    markChosen()
    followed.update()
  }
  listenWhileShown(model, window, ["pointerup", "pointercancel"], () => root.classList.remove("passive"), {
    capture: true,
  })
  const rest = () => root.classList.toggle("quiet", model.quiet)
  model.on("quiet", rest)
  rest()
  model.on("chosen", markChosen)
  // With a tool in hand, what begins on a name is a drawing.
  followTool(model, () => root.classList.toggle("drawing", toolInHand() !== null))
  // A drawing keeps the end of its press to itself.
  listenWhileShown(model, window, ["pointermove"], (event) => {
    if (event instanceof PointerEvent && event.buttons === 0) {
      root.classList.remove("passive")
    }
  })
  const observer = new ResizeObserver(followed.updateSoon)
  observer.observe(view.el)
  model.on("names", update)
  model.on("remove", () => observer.disconnect())
  update()
  return root
}

/**
 * Return a box in pixels of a pane.
 *
 * @param {Box} pane
 * @param {Box} box
 * @returns {Box}
 */
function within(pane, { left, right, top, bottom }) {
  return { left: left - pane.left, right: right - pane.left, top: top - pane.top, bottom: bottom - pane.top }
}
