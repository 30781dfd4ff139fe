// The saved views: a button, and below it a field to save the page under a name and the list of what was
// saved. A view is opened as Back and Forward open a page: its query string becomes the address.

import { keepCookie } from "../cookies.js"
import { copyText, h, ICONS, icon, onChange, squareButton } from "../dom.js"
import { formatAge } from "../side/status.js"
import { batched } from "../timing.js"
import { composeSearch } from "./url.js"

/** @import { Component } from "../types" */

/** @typedef {{ name: string, query: string, by: string, at: string, current: boolean }} SavedView */

/**
 * @typedef {object} Properties
 * @property {SavedView[]} views newest first
 * @property {string} user who is signed in, ""
 * @property {string} error why the last change failed, ""
 * @property {string} saved name of the view that was just saved, ""
 * @property {string} deleted name of the view that was just deleted, ""
 */

const BOOKMARK = "M7 4h10a1 1 0 011 1v15l-6-4-6 4V5a1 1 0 011-1z"
const PENCIL = "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3"
const BIN = "M5 7h14M10 7V5h4v2M7 7l1 13h8l1-13"
const LINK =
  "M10 14a4 4 0 005.700 0l3-3a4 4 0 00-5.700-5.700l-1 1M14 10a4 4 0 00-5.700 0l-3 3a4 4 0 005.700 5.700l1-1"
const LONGEST = "80"
const COOKIE = "clipper-name"

/**
 * Return the search part of a link that opens a view by its name.
 *
 * @param {string} name
 */
export function linkOf(name) {
  return `?view=${encodeURIComponent(name)}`
}

/**
 * Return the view that an address names; undefined if it names none that is there.
 *
 * @param {string} search
 * @param {SavedView[]} views
 */
export function viewNamed(search, views) {
  const name = new URLSearchParams(search).get("view")
  return name === null ? undefined : views.find((view) => view.name === name)
}

/**
 * Return who saved a view and when, in words.
 *
 * @param {SavedView} view
 * @param {number} now in milliseconds
 */
export function describeView({ by, at, current }, now) {
  const age = formatAge((now - Date.parse(at)) / 1000)
  return [by, age, current ? "" : "the images have changed since"].filter(Boolean).join(" · ")
}

/**
 * Return a text as a sentence.
 *
 * @param {string} text
 */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`
}

/** The name that the visitor typed before; the cookie is read by nobody else. */
function ownName() {
  const found = document.cookie.split("; ").find((cookie) => cookie.startsWith(`${COOKIE}=`))
  try {
    return decodeURIComponent(found?.slice(COOKIE.length + 1) ?? "")
  } catch {
    return ""
  }
}

/** @param {string} name */
function keepOwnName(name) {
  keepCookie(COOKIE, encodeURIComponent(name))
}

/** @param {string} query */
function visit(query) {
  const search = composeSearch(window.location.search, query, "")
  window.history.pushState(null, "", search ? `?${search}` : window.location.pathname)
  window.dispatchEvent(new PopStateEvent("popstate"))
}

/** @param {Component<Properties>} component */
export function render({ model }) {
  const linked = viewNamed(window.location.search, model.views)
  if (linked) {
    // Before the map looks for the part of it that the address asks for.
    const search = composeSearch(window.location.search, linked.query, "")
    window.history.replaceState(null, "", `?${search}`)
  }
  /** @type {{ name: string, line: HTMLElement } | null} a line keeps what is typed while others save */
  let renaming = null
  let copied = ""
  const name = h("input", {
    class: "field",
    type: "text",
    maxlength: LONGEST,
    placeholder: "Name of this view",
    "aria-label": "Name of this view",
    autocomplete: "off",
  })
  const by = h("input", {
    class: "field by",
    type: "text",
    maxlength: LONGEST,
    placeholder: "Your name",
    "aria-label": "Your name, if others shall see it",
    autocomplete: "nickname",
    hidden: Boolean(model.user),
  })
  by.value = ownName()
  const save = (replacing = false) => {
    keepOwnName(by.value.trim())
    const at = new URLSearchParams(window.location.search).get("at") ?? ""
    model.send_msg({ kind: "save", name: name.value, by: by.value, at, replacing })
  }
  const form = h(
    "form",
    {
      class: "save",
      onsubmit: (event) => {
        event.preventDefault()
        save()
      },
    },
    name,
    by,
    h("button", { class: "go", type: "submit" }, "Save"),
  )
  const said = h("div", { class: "said", role: "status" })
  const list = h("ul", { class: "views" })
  const sheet = h(
    "div",
    { class: "menu right sheet", role: "dialog", "aria-label": "Views", hidden: true },
    h("h3", {}, "Save this view"),
    form,
    said,
    list,
  )
  const label = "Saved views"
  const button = h(
    "button",
    {
      class: "square ask",
      type: "button",
      title: label,
      "aria-label": label,
      "aria-haspopup": "dialog",
      "aria-expanded": "false",
      onclick: () => open(sheet.hidden === true),
    },
    icon(BOOKMARK),
  )
  /** @param {boolean} isOpen */
  const open = (isOpen) => {
    if (isOpen === !sheet.hidden) {
      return
    }
    sheet.hidden = !isOpen
    button.setAttribute("aria-expanded", String(isOpen))
    renaming = null
    copied = ""
    if (isOpen) {
      update()
      name.focus()
    } else if (model.error || model.saved || model.deleted) {
      model.send_msg({ kind: "calm" })
    }
  }
  const close = () => {
    open(false)
    button.focus()
  }
  /** @param {SavedView} view */
  const renameForm = (view) => {
    const field = h("input", { class: "field", type: "text", maxlength: LONGEST, "aria-label": "New name" })
    field.value = view.name
    const onsubmit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault()
      renaming = null
      model.send_msg({ kind: "rename", name: view.name, new: field.value })
      update()
    }
    queueMicrotask(() => field.select())
    return h("li", {}, h("form", { class: "save", onsubmit }, field, h("button", { class: "go" }, "Rename")))
  }
  /** @param {SavedView} view */
  const line = (view) => {
    if (view.name === renaming?.name) {
      return renaming.line
    }
    const follow = (/** @type {MouseEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) {
        return // the browser opens the link in another tab
      }
      event.preventDefault()
      close()
      visit(view.query)
    }
    const copy = async () => {
      const { origin, pathname } = window.location
      copied = (await copyText(`${origin}${pathname}${linkOf(view.name)}`)) ? view.name : ""
      update()
    }
    const begin = () => {
      renaming = { name: view.name, line: renameForm(view) }
      update()
    }
    return h(
      "li",
      {},
      h(
        "a",
        { class: "view", href: linkOf(view.name), onclick: follow },
        h("span", { class: "name" }, view.name),
        h("span", { class: "note" }, describeView(view, Date.now())),
      ),
      squareButton(
        `Copy the link to ${view.name}`,
        copied === view.name ? ICONS.done : LINK,
        () => void copy(),
      ),
      squareButton(`Rename ${view.name}`, PENCIL, begin),
      squareButton(`Delete ${view.name}`, BIN, () => model.send_msg({ kind: "delete", name: view.name })),
    )
  }
  const saying = () => {
    if (model.error) {
      const taken = model.views.some((view) => view.name === name.value.trim().replace(/\s+/g, " "))
      return [
        h("span", { class: "wrong grow" }, sentence(model.error)),
        ...(taken
          ? [h("button", { class: "go", type: "button", onclick: () => save(true) }, "Replace it")]
          : []),
      ]
    }
    if (model.deleted) {
      const restore = () => model.send_msg({ kind: "restore" })
      return [
        h("span", { class: "grow" }, `Deleted “${model.deleted}”.`),
        h("button", { class: "go", type: "button", onclick: restore }, "Undo"),
      ]
    }
    return model.saved ? [h("span", { class: "grow" }, `Saved “${model.saved}”.`)] : []
  }
  const update = () => {
    said.replaceChildren(...saying())
    const empty = h(
      "li",
      { class: "muted none" },
      "No views are saved yet. Everybody here sees those that are.",
    )
    list.replaceChildren(...(model.views.length ? model.views.map(line) : [empty]))
  }
  const heard = () => {
    if (model.saved) {
      name.value = ""
    }
    if (model.error && sheet.hidden) {
      open(true) // a link named a view that is gone
    }
    update()
  }
  /** @param {KeyboardEvent} event */
  const onkeydown = (event) => {
    if (event.key === "Escape" && !sheet.hidden) {
      event.preventDefault()
      event.stopPropagation()
      close()
    }
  }
  /** @param {FocusEvent & { currentTarget: HTMLElement }} event */
  const onfocusout = ({ currentTarget, relatedTarget }) => {
    // A click on what cannot have the focus, or a redrawn line, leaves none: the sheet stays.
    if (relatedTarget instanceof Node && !currentTarget.contains(relatedTarget)) {
      open(false)
    }
  }
  const root = h("div", { class: "root" }, h("div", { class: "drop", onkeydown, onfocusout }, button, sheet))
  const outside = (/** @type {PointerEvent} */ event) => {
    if (!event.composedPath().includes(root)) {
      open(false)
    }
  }
  document.addEventListener("pointerdown", outside)
  model.on("remove", () => document.removeEventListener("pointerdown", outside))
  onChange(model, ["views", "error", "saved", "deleted"], batched(heard))
  heard()
  return root
}
