// The keyboard's focus: where it is, and where it may go.

/** Return the element that has the focus, also within components. */
export function focusedElement() {
  let el = document.activeElement
  while (el?.shadowRoot?.activeElement) {
    el = el.shadowRoot.activeElement
  }
  return el
}

/**
 * Return whether a node lies within another one, through every shadow root.
 *
 * @param {Node | null} node
 * @param {Node} root
 */
function liesWithin(node, root) {
  for (let at = node; at; at = at instanceof ShadowRoot ? at.host : at.parentNode) {
    if (at === root) {
      return true
    }
  }
  return false
}

/**
 * Keep the keyboard out of a sheet's neighbours while the sheet covers them. If one of them has the focus, it
 * goes to the sheet's title, and back when the sheet closes.
 *
 * @param {HTMLElement} host the sheet's component
 * @param {() => HTMLElement | null} title
 * @param {() => boolean} isOpen
 * @param {(look: () => void) => void} onToggle registers a call for every time that `isOpen` may have changed
 */
export function coverNeighbours(host, title, isOpen, onToggle) {
  /** @type {Element[] | null} */
  let covered = null
  /** @type {Element | null} */
  let before = null
  const cover = () => {
    if (host.getClientRects().length === 0) {
      requestAnimationFrame(look) // it is about to be shown
      return
    }
    const neighbours = [...(host.parentNode?.children ?? [])].filter((el) => el !== host)
    const focused = focusedElement()
    before = neighbours.some((el) => liesWithin(focused, el)) ? focused : null
    setInert(neighbours, true)
    covered = neighbours
    if (before) {
      title()?.focus({ preventScroll: true })
    }
  }
  /** @param {Element[]} neighbours */
  const uncover = (neighbours) => {
    const within = liesWithin(focusedElement(), host) || document.activeElement === document.body
    setInert(neighbours, false)
    covered = null
    if (within && before instanceof HTMLElement && before.isConnected) {
      before.focus({ preventScroll: true })
    }
  }
  const look = () => {
    if (isOpen() === (covered !== null) || !host.isConnected) {
      return
    }
    if (covered === null) {
      cover()
    } else {
      uncover(covered)
    }
  }
  onToggle(() => requestAnimationFrame(look)) // once the sheet is drawn
  requestAnimationFrame(look)
}

/**
 * @param {Element[]} elements
 * @param {boolean} inert
 */
function setInert(elements, inert) {
  for (const el of elements) {
    if (el instanceof HTMLElement) {
      el.inert = inert
    }
  }
}

/**
 * Return the index of the card that a key leads to from card `at`; null if the key leads nowhere. The index
 * may lie before the first card or after the last one.
 *
 * @param {string} key
 * @param {number} at
 * @param {{ columns: number, count: number }} grid
 * @returns {number | null}
 */
export function cardAfterKey(key, at, { columns, count }) {
  switch (key) {
    case "ArrowRight":
      return at + 1
    case "ArrowLeft":
      return at - 1
    case "ArrowDown":
      return at + columns
    case "ArrowUp":
      return at - columns
    case "Home":
      return 0
    case "End":
      return count - 1
    default:
      return null
  }
}

/**
 * Make a grid of cards one stop of the Tab key; within it the arrows go from card to card.
 *
 * @param {HTMLElement} grid
 * @returns {() => void} a function to call whenever cards were added or removed
 */
export function roveFocus(grid) {
  const cards = () => /** @type {HTMLElement[]} */ ([...grid.querySelectorAll(".card")])
  /** @param {Event} event */
  const cardOf = (event) =>
    event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest(".card")) : null
  /** @param {HTMLElement | undefined} card */
  const stopAt = (card) => {
    for (const el of cards()) {
      el.tabIndex = el === card ? 0 : -1
    }
  }
  grid.addEventListener("focusin", (event) => {
    const card = cardOf(event)
    if (card) {
      stopAt(card)
    }
  })
  grid.addEventListener("keydown", (event) => {
    const from = cardOf(event)
    if (!from || event.ctrlKey || event.metaKey || event.altKey) {
      return
    }
    const all = cards()
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length
    const to = cardAfterKey(event.key, all.indexOf(from), { columns, count: all.length })
    if (to === null) {
      return
    }
    event.preventDefault()
    event.stopPropagation()
    all[to]?.focus()
  })
  return () => {
    const all = cards()
    stopAt(all.find((el) => el.tabIndex === 0) ?? all[0])
  }
}
