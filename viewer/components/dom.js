// Builds elements and updates them. Text is always set as text, never as markup: names, metadata and queries
// may be hostile.

import { batched } from "./timing.js"

/** @import { Attributes, Child, Model } from "./types" */

/** Outlines of icons, in a square of 24 by 24 units. */
export const ICONS = {
  down: "M6 9l6 6 6-6",
  right: "M9 6l6 6-6 6",
  left: "M15 6l-6 6 6 6",
  close: "M6 6l12 12M18 6L6 18",
  done: "M5 13l4 4L19 7",
  target: "M12 3v3M12 18v3M3 12h3M18 12h3M12 8a4 4 0 100 8 4 4 0 000-8z",
  clock: "M12 7v5l3 2M12 3a9 9 0 100 18 9 9 0 000-18z",
  lens: "M11 4.5a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM16 16l4.5 4.5",
  picture:
    "M5 4h14a1 1 0 011 1v14a1 1 0 01-1 1H5a1 1 0 01-1-1V5a1 1 0 011-1zM4 16l4.5-4.5 4 4L15 13l5 5M15.5 9h.01",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  refresh: "M20 11a8 8 0 10-2 6M20 5v6h-6",
}

/**
 * Build an element. True writes an attribute without a value; false, null and undefined leave it out.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes<HTMLElementTagNameMap[Tag]>} attributes
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      el.addEventListener(name.slice("on".length), /** @type {EventListener} */ (value))
    } else if (value === true) {
      el.setAttribute(name, "")
    } else if (value !== false && value != null) {
      el.setAttribute(name, value)
    }
  }
  el.append(...flatten(children))
  return el
}

/**
 * Build an element of SVG.
 *
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {SVGElement[]} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, attributes, ...children) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [name, value] of Object.entries(attributes)) {
    el.setAttribute(name, value)
  }
  el.append(...children)
  return el
}

/**
 * Build an icon from its outline.
 *
 * @param {string} shape
 */
export function icon(shape) {
  return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: shape }))
}

/**
 * Build a square button with an icon.
 *
 * @param {string} label
 * @param {string} shape
 * @param {() => void} onclick
 * @param {Attributes<HTMLButtonElement>} more
 */
export function squareButton(label, shape, onclick, more = {}) {
  const attributes = { class: "square", type: "button", title: label, "aria-label": label, onclick, ...more }
  return h("button", attributes, icon(shape))
}

/**
 * Return nested children as one list that `append` accepts.
 *
 * @param {Child[]} children
 * @returns {(Node | string)[]}
 */
function flatten(children) {
  return children.flatMap((child) => {
    if (Array.isArray(child)) {
      return flatten(child)
    }
    if (child == null || child === false) {
      return []
    }
    return [typeof child === "number" ? String(child) : child]
  })
}

/**
 * Make `wanted` the children of `parent`. Children that stay keep their focus and their pictures.
 *
 * @param {Element} parent
 * @param {Element[]} wanted
 */
export function arrange(parent, wanted) {
  const kept = new Set(wanted)
  for (const el of [...parent.children]) {
    if (!kept.has(el)) {
      el.remove()
    }
  }
  wanted.forEach((el, i) => {
    if (parent.children[i] !== el) {
      parent.insertBefore(el, parent.children[i] ?? null)
    }
  })
}

/**
 * Call a function whenever one of the properties `names` changes.
 *
 * @template Properties
 * @param {Model<Properties>} model
 * @param {(keyof Properties & string)[]} names
 * @param {() => void} call
 */
export function onChange(model, names, call) {
  for (const name of names) {
    model.on(name, call)
  }
}

/**
 * Return an element whose children are rebuilt when one of the properties `names` changes. All changes of one
 * message from the server cause one rebuild.
 *
 * @template Properties
 * @param {Model<Properties>} model
 * @param {(keyof Properties & string)[]} names
 * @param {() => Child[]} build
 * @param {string} className
 */
export function draw(model, names, build, className = "root") {
  const root = h("div", { class: className })
  const update = () => root.replaceChildren(...flatten(build()))
  onChange(model, names, batched(update))
  update()
  return root
}

/**
 * Listen to events of a target until the component is removed.
 *
 * @template Properties
 * @template {keyof (WindowEventMap & DocumentEventMap)} Name
 * @param {Model<Properties>} model
 * @param {EventTarget} target
 * @param {Name[]} names
 * @param {(event: (WindowEventMap & DocumentEventMap)[Name]) => void} listener
 * @param {AddEventListenerOptions} options
 */
export function listenWhileShown(model, target, names, listener, options = {}) {
  const listen = /** @type {EventListener} */ (listener)
  for (const name of names) {
    target.addEventListener(name, listen, options)
  }
  model.on("remove", () => {
    for (const name of names) {
      target.removeEventListener(name, listen, options)
    }
  })
}

/**
 * Put a text on the clipboard. Return whether the browser allowed it.
 *
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // The Clipboard API needs an encrypted page. Elsewhere a page can still copy its selection.
    const area = h("textarea", { style: "position:fixed;opacity:0" })
    area.value = text
    document.body.append(area)
    area.select()
    const done = document.execCommand("copy")
    area.remove()
    return done
  }
}
