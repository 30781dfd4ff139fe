// Chooses between the map and two axes. Each axis is typed, as two opposites or one word, or is a column.

import { h, onChange } from "../dom.js"

/** @import { Component } from "../types" */

/**
 * @typedef {object} Properties
 * @property {[string, string]} shown the axes, across and up, as they were asked for
 * @property {boolean} active whether images lie on axes
 * @property {boolean} busy
 * @property {[string, string]} problems
 * @property {[string, [string, string][]][]} choices columns by heading: the value and the title of each
 * @property {string} example
 */

/** Values of a choice that are no column. */
const TYPED = "typed"
const NONE = "none"
const COLUMN = "column:"
/** What the server reads of a text at most. */
const LONGEST = "300"

/** @param {Component<Properties>} component */
export function render({ model, view }) {
  let isOpen = model.active
  const send = () => model.send_msg({ kind: "axes", x: across.value(), y: up.value() })
  const across = axisField({ label: "Across", send })
  const up = axisField({ label: "Up", send })
  const busy = h("p", { class: "muted", role: "status" })
  const example = h("span")
  const attempt = h(
    "button",
    {
      type: "button",
      class: "chip",
      onclick: () => {
        across.show(model.example, model.choices)
        send()
      },
    },
    h("span", { class: "muted" }, "Try"),
    example,
  )
  const fields = h("div", { class: "fields" }, across.el, up.el, attempt, busy)
  const map = h("button", { type: "button", class: "way" }, "Map")
  const axes = h("button", { type: "button", class: "way" }, "Axes")
  map.addEventListener("click", () => {
    isOpen = false
    if (model.active) {
      model.send_msg({ kind: "axes", x: "", y: "" })
    }
    update()
  })
  axes.addEventListener("click", () => {
    const first = !isOpen
    isOpen = true
    update()
    if (first) {
      across.focus()
      if (across.value() || up.value()) {
        send()
      }
    }
  })
  let asked = false
  const update = () => {
    isOpen ||= model.active
    fields.hidden = !isOpen
    const card = view.el.getRootNode()
    if (card instanceof ShadowRoot) {
      card.host.classList.toggle("choosing", isOpen) // it takes more of a narrow map then
    }
    map.setAttribute("aria-pressed", String(!isOpen))
    axes.setAttribute("aria-pressed", String(isOpen))
    if (isOpen && !asked) {
      asked = true
      model.send_msg({ kind: "choices" })
    }
    example.textContent = model.example
    attempt.hidden = model.active || model.busy
    busy.hidden = !model.busy
    busy.textContent = model.busy ? "Laying images out …" : ""
    across.say(model.problems[0])
    up.say(model.problems[1])
  }
  const show = () => {
    if (model.active) {
      across.show(model.shown[0], model.choices)
      up.show(model.shown[1], model.choices)
    } else {
      across.list(model.choices)
      up.list(model.choices)
    }
    update()
  }
  onChange(model, ["active"], () => {
    isOpen = model.active
  })
  onChange(model, ["shown", "choices", "active"], show)
  onChange(model, ["busy", "problems", "example"], update)
  show()
  return h(
    "div",
    { class: "root" },
    h("div", { class: "row ways", role: "group", "aria-label": "Where images lie" }, map, axes),
    fields,
  )
}

/**
 * Build the choice and the field of one axis.
 *
 * @param {{ label: string, send: () => void }} options
 */
function axisField({ label, send }) {
  const choice = h("select", { class: "find", "aria-label": `${label}: what images lie by` })
  const field = h("input", {
    class: "find",
    maxlength: LONGEST,
    placeholder: "night <-> day",
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "go",
    "aria-label": `${label}: two opposites, or one word`,
    title: "Two opposites with <-> between them, or one word",
  })
  const problem = h("p", { class: "error", role: "alert", hidden: true })
  let sent = ""
  const value = () => {
    if (choice.value === TYPED) {
      return field.value.trim()
    }
    return choice.value === NONE ? "" : choice.value
  }
  const submit = () => {
    if (value() !== sent) {
      sent = value()
      send()
    }
  }
  const toggle = () => {
    field.hidden = choice.value !== TYPED
  }
  choice.addEventListener("change", () => {
    toggle()
    if (choice.value === TYPED) {
      field.focus()
    }
    if (choice.value !== TYPED || field.value.trim() !== "") {
      submit()
    }
  })
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault()
      sent = value()
      send()
    }
  })
  field.addEventListener("change", submit)
  /** @param {Properties["choices"]} choices */
  const list = (choices) => {
    const chosen = choice.value || TYPED
    const known = choices.flatMap(([, options]) => options.map(([name]) => name))
    const lost = chosen.startsWith(COLUMN) && !known.includes(chosen) ? [chosen] : []
    choice.replaceChildren(
      h("option", { value: TYPED }, "Opposites, word"),
      h("option", { value: NONE }, "Nothing"),
      ...lost.map((name) => h("option", { value: name }, name.slice(COLUMN.length))),
      ...choices.map(([heading, options]) => {
        const group = document.createElement("optgroup")
        group.label = heading
        group.append(...options.map(([name, title]) => h("option", { value: name }, title)))
        return group
      }),
    )
    choice.value = chosen
    toggle()
  }
  /**
   * @param {string} said
   * @param {Properties["choices"]} choices
   */
  const show = (said, choices) => {
    sent = said
    const isColumn = said.startsWith(COLUMN)
    if (!isColumn && said !== "") {
      field.value = said
    }
    list(choices)
    if (isColumn && choice.value !== said) {
      choice.prepend(h("option", { value: said }, said.slice(COLUMN.length)))
    }
    choice.value = isColumn ? said : TYPED
    if (said === "") {
      choice.value = field.value.trim() === "" ? TYPED : NONE
    }
    toggle()
  }
  return {
    el: h("div", { class: "axis" }, h("span", { class: "muted" }, label), choice, field, problem),
    value,
    show,
    list,
    focus: () => (field.hidden ? choice : field).focus(),
    /** @param {string} text */
    say(text) {
      problem.hidden = text === ""
      problem.textContent = text
      field.setAttribute("aria-invalid", String(text !== ""))
    },
  }
}
