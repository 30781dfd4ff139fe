// The name of the cluster that is chosen, and a field to give it another one.

import { h, icon, onChange } from "../dom.js"

/** @import { SelectionModel } from "./selection_panel.js" */

const PENCIL =
  "M4 20l1-4L16.500 4.500a1.800 1.800 0 012.500 0l.5.5a1.800 1.800 0 010 2.500L8 19l-4 1zM14 7l3 3"

/** Letters of a name; the server has the same number. */
const MOST_LETTERS = 60

/**
 * Build the name, which is hidden while no cluster is chosen. A press on it makes it a field: Enter keeps what
 * is typed, Escape leaves the name as it was, and an empty field brings back the name that was found.
 *
 * @param {SelectionModel} model
 */
export function clusterTitle(model) {
  const field = h("input", {
    class: "field",
    type: "text",
    maxlength: String(MOST_LETTERS),
    "aria-label": "Name of the cluster",
    autocomplete: "off",
    enterkeyhint: "done",
    spellcheck: "false",
  })
  const trouble = h("div", { class: "error", role: "alert", hidden: true })
  const hint = h("div", { class: "muted naming" })
  const open = () => {
    const { id, name = "" } = model.cluster
    field.value = name === numbered(id) ? "" : name
    show(true)
    field.focus()
    field.select()
  }
  const heading = h("div", {
    class: "cluster-name",
    role: "heading",
    "aria-level": "2",
    title: "Rename",
    onclick: open,
  })
  const pencil = h(
    "button",
    { class: "square", type: "button", title: "Rename", onclick: open },
    icon(PENCIL),
  )
  const before = h("div", { class: "muted naming" })
  const title = h("div", {}, h("div", { class: "row cluster" }, heading, pencil), before)
  const form = h(
    "form",
    {
      class: "row",
      onsubmit: (event) => {
        event.preventDefault()
        field.readOnly = true // until the server has tried
        model.send_msg({ kind: "rename", id: model.cluster.id, text: field.value })
      },
      onkeydown: (event) => {
        if (event.key === "Escape") {
          event.stopPropagation() // the choice stays
          event.preventDefault()
          close()
        }
      },
    },
    field,
    h("button", { class: "action", type: "submit" }, "Keep"),
  )
  const editing = h("div", { class: "block" }, form, hint, trouble)
  /** @param {boolean} isEditing */
  const show = (isEditing) => {
    title.hidden = isEditing
    editing.hidden = !isEditing
    trouble.hidden = true
    field.readOnly = false
  }
  const close = () => {
    show(false)
    pencil.focus()
  }
  const root = h("div", {}, title, editing)
  let shown = model.cluster.id
  const update = () => {
    const { id, name = "", found = "" } = model.cluster
    root.hidden = id === undefined
    heading.textContent = name
    pencil.setAttribute("aria-label", `Rename ${name}`)
    before.textContent = found && found !== name ? `Clipper found “${found}”` : ""
    field.placeholder = found || numbered(id)
    hint.textContent = found ? `Empty for the name that Clipper found: “${found}”` : "Empty for no name"
    if (id !== shown) {
      shown = id
      show(false)
    }
  }
  const tried = () => {
    if (!field.readOnly) {
      return // names could not be read, or another cluster is chosen by now
    }
    if (model.refused === "") {
      close()
      return
    }
    field.readOnly = false
    trouble.textContent = model.refused
    trouble.hidden = false
    field.focus()
  }
  onChange(model, ["cluster"], update)
  onChange(model, ["tried"], tried)
  show(false)
  update()
  return root
}

/** @param {number | undefined} id */
function numbered(id) {
  return `Cluster ${id}`
}
