// What a browser remembers from visit to visit. Some people forbid it: then a page forgets, and works.

/**
 * Return what is remembered under a name; null for nothing.
 *
 * @param {string} name
 */
export function recall(name) {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  try {
    localStorage.setItem(name, value)
  } catch {
    // the next visit begins as the first one did
  }
}
