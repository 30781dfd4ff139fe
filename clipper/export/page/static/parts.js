// The parts of the data: scripts within the page, or files beside it that are loaded when they are needed.
//
// A page that is opened from a disk may not fetch anything, but it may run scripts: each part is one.

/** @type {Map<string, Promise<any>>} */
const asked = new Map()
const arrived = globalThis.clipperParts

/**
 * Return a part of the data, once it is there.
 *
 * @param {string} key
 * @returns {Promise<any>}
 */
export function part(key) {
  let promise = asked.get(key)
  if (!promise) {
    promise = arrived.has(key) ? Promise.resolve(taken(key)) : loaded(key)
    asked.set(key, promise)
  }
  return promise
}

/** @param {string} key */
function taken(key) {
  const value = arrived.get(key)
  arrived.delete(key)
  return value
}

/** @param {string} key */
function loaded(key) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.onload = () => (arrived.has(key) ? resolve(taken(key)) : reject(new Error(key)))
    script.onerror = () => reject(new Error(`data/${key}.js is missing`))
    script.src = `data/${key}.js`
    document.head.append(script)
  })
}

/**
 * Return the bytes of a text in base 64.
 *
 * @param {string} text
 */
export function bytesOf(text) {
  const plain = atob(text)
  const bytes = new Uint8Array(plain.length)
  for (let i = 0; i < plain.length; i += 1) {
    bytes[i] = plain.charCodeAt(i)
  }
  return bytes
}

/** @param {string} text */
export const longsOf = (text) => new Uint32Array(bytesOf(text).buffer)

/** @param {number} value */
export const grouped = (value) => value.toLocaleString("en")

/**
 * Make an element with attributes and children; text is only ever text.
 *
 * @param {string} tag
 * @param {Record<string, any>} attributes
 * @param {...(Node | string)} children
 */
export function make(tag, attributes, ...children) {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) {
      el.addEventListener(name.slice(2), value)
    } else if (name === "style") {
      Object.assign(el.style, value)
    } else {
      el.setAttribute(name, value)
    }
  }
  el.append(...children)
  return el
}
