// Shows two atlases in two frames, and sends one query to both. The address holds what is shown. Each frame is
// the atlas's own page, which has its map, its results and its filters for itself.

const SIDES = /** @type {const} */ (["left", "right"])

const form = /** @type {HTMLFormElement} */ (document.querySelector("form"))
const query = /** @type {HTMLInputElement} */ (form.elements.namedItem("q"))

/** @param {"left" | "right"} side */
function parts(side) {
  return {
    select: /** @type {HTMLSelectElement} */ (form.elements.namedItem(side)),
    frame: /** @type {HTMLIFrameElement} */ (document.querySelector(`iframe[name="${side}"]`)),
  }
}

/**
 * Open an atlas in a frame, unless it is there already.
 *
 * @param {"left" | "right"} side
 */
function show(side) {
  const { select, frame } = parts(side)
  if (frame.dataset.shows === select.value) {
    return
  }
  frame.dataset.shows = select.value
  frame.title = `${select.selectedOptions[0]?.textContent}, on the ${side}`
  const search = query.value ? `?${new URLSearchParams({ q: query.value })}` : ""
  // Not `src`: a page that was replaced is no step of the browser's history.
  frame.contentWindow?.location.replace(`/${select.value}${search}`)
}

/**
 * Have a frame's page ask the query, as if its own address had changed.
 *
 * @param {"left" | "right"} side
 */
function ask(side) {
  const page = parts(side).frame.contentWindow
  if (!page || page.location.pathname === "blank") {
    return
  }
  const search = new URLSearchParams(page.location.search)
  if (query.value) {
    search.set("q", query.value)
  } else {
    search.delete("q")
  }
  page.history.replaceState(page.history.state, "", `${page.location.pathname}?${search}`)
  page.dispatchEvent(new PopStateEvent("popstate"))
}

function address() {
  const search = new URLSearchParams(SIDES.map((side) => [side, parts(side).select.value]))
  if (query.value) {
    search.set("q", query.value)
  }
  return `?${search}`
}

/** Take what the address holds; a name that is none leaves the first atlas, and the second beside it. */
function read() {
  const search = new URLSearchParams(window.location.search)
  query.value = search.get("q") ?? ""
  SIDES.forEach((side, at) => {
    const { select } = parts(side)
    const names = [...select.options].map((option) => option.value)
    const wanted = search.get(side) ?? ""
    select.value = names.includes(wanted) ? wanted : (names[at] ?? names[0] ?? "")
  })
}

form.addEventListener("submit", (event) => {
  event.preventDefault()
  window.history.pushState(null, "", address())
  SIDES.forEach(ask)
})
query.addEventListener("search", () => {
  if (!query.value) {
    form.requestSubmit()
  }
})
for (const side of SIDES) {
  parts(side).select.addEventListener("change", () => {
    window.history.pushState(null, "", address())
    show(side)
  })
}
window.addEventListener("popstate", () => {
  read()
  SIDES.forEach(ask)
  SIDES.forEach(show)
})
read()
window.history.replaceState(null, "", address())
SIDES.forEach(show)
