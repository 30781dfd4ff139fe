// Cookies of this server, which live for a year. The page may lie in a frame of another site, such as a notebook:
// there browsers keep no cookie but one that counts within that site alone.

const YEAR = 31_536_000

/**
 * Return a cookie as text; without a value, the one that removes it.
 *
 * @param {string} name
 * @param {string} value
 * @param {boolean} foreign whether it is for a frame of another site
 */
export function cookieText(name, value, foreign = false) {
  const rule = foreign ? "SameSite=None; Secure; Partitioned" : "SameSite=Strict"
  return `${name}=${value}; path=/; max-age=${value ? YEAR : 0}; ${rule}`
}

/**
 * Keep a value; without one, forget it.
 *
 * @param {string} name
 * @param {string} value of letters that a cookie may have
 */
export function keepCookie(name, value) {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API needs an encrypted page
  document.cookie = cookieText(name, value)
  const isKept = document.cookie.split("; ").includes(`${name}=${value}`)
  if (window.top !== window && !isKept) {
    // biome-ignore lint/suspicious/noDocumentCookie: as above
    document.cookie = cookieText(name, value, true)
  }
}
