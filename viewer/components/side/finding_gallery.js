// The images of an open finding, loaded page by page: one grid; or, with groups, those of each side by side.

import { h, ICONS, icon, onChange } from "../dom.js"
import { roveFocus } from "../focus.js"
import { countImages, formatNumber } from "../text.js"
import { batched } from "../timing.js"
import { imageCard, markOpenCard } from "./cards.js"
import { comparison, pairsOf } from "./comparison.js"
import { loadPages } from "./pages.js"

/** @import { FoundItem, InsightsModel } from "./insights.js" */

/** Images of a group that come at first; the server has the same number. */
const MAX_SHOWN = 12

const COMPARE = "M4 5h7v14H4zM13 5h7v14h-7z"

/** @typedef {{ item: FoundItem, el: HTMLElement, tick: HTMLElement }} Cell */
/** @typedef {{ el: HTMLElement, grid: HTMLElement, tick: HTMLElement, cells: Cell[] }} Group */

/** @param {InsightsModel} model */
export function findingGallery(model) {
  const list = h("div", { class: "groups" })
  const updateFocus = roveFocus(list)
  /** @type {Cell[]} */
  let cells = []
  /** @type {Map<number | undefined, Group>} */
  const groups = new Map()
  let loaded = 0 // images that came in pages; others were unfolded
  const compared = comparison({
    pairs: () => pairsOf(groups.values()),
    total: () => {
      const unfolded = cells.length - loaded
      return model.total + unfolded - (model.found.key === undefined ? 0 : (model.found.groups ?? 0))
    },
  })
  /** @param {FoundItem} item */
  const add = (item) => {
    let group = groups.get(item.group)
    if (!group) {
      group = item.group === undefined ? plainGroup() : groupOf(model, item, groups.size + 1, compared.open)
      groups.set(item.group, group)
      list.append(group.el)
    }
    const cell = cellOf(model, item)
    cells.push(cell)
    group.cells.push(cell)
    group.grid.append(cell.el)
  }
  const mark = () => {
    const [off, excluded] = [new Set(model.unchosen), new Set(model.excluded)]
    for (const { item, el, tick } of cells) {
      check(tick, off.has(item.at) ? "false" : "true")
      el.classList.toggle("excluded", excluded.has(item.at))
    }
    for (const group of groups.values()) {
      const count = group.cells.filter(({ item }) => off.has(item.at)).length
      check(group.tick, groupState(count, group.cells.length))
    }
    compared.update()
  }
  const unfold = () => {
    const { group: number, items = [] } = model.unfolded
    groups.get(number)?.el.querySelector(".unfold")?.remove()
    for (const item of items) {
      add(item)
    }
    updateFocus()
    mark()
  }
  const end = loadPages(model, {
    total: () => model.total,
    loaded: () => loaded,
    clear: () => {
      compared.close()
      list.replaceChildren()
      groups.clear()
      cells = []
      loaded = 0
    },
    add: () => {
      loaded += model.items.length
      for (const item of model.items) {
        add(item)
      }
      updateFocus()
      mark()
    },
  })
  onChange(model, ["unchosen", "excluded"], batched(mark))
  model.on("unfolded", unfold)
  model.on("selected", () => markOpenCard(list, model.selected))
  return [list, end, compared.el]
}

/**
 * Return the state of the control that chooses a group.
 *
 * @param {number} off how many of its images are not chosen
 * @param {number} count how many there are
 */
export function groupState(off, count) {
  if (off === 0) {
    return "true"
  }
  return off === count ? "false" : "mixed"
}

/**
 * @param {HTMLElement} tick
 * @param {"true" | "false" | "mixed"} state
 */
function check(tick, state) {
  tick.setAttribute("aria-checked", state)
}

/**
 * Build the control that chooses one image or those of a group. The Tab key skips those of single images:
 * Shift and a press on the card do the same.
 *
 * @param {string} label
 * @param {(isOn: boolean) => void} toggle
 * @param {string} [tabindex]
 */
function tickOf(label, toggle, tabindex = "0") {
  const el = h(
    "button",
    {
      class: "tick",
      type: "button",
      role: "checkbox",
      "aria-checked": "true",
      "aria-label": label,
      title: label,
      tabindex,
      onclick: () => toggle(el.getAttribute("aria-checked") !== "true"),
    },
    icon(ICONS.done),
  )
  return el
}

/**
 * @param {InsightsModel} model
 * @param {FoundItem} item
 * @returns {Cell}
 */
function cellOf(model, item) {
  const { id, label, note, keep } = item
  const toggle = (/** @type {boolean} */ on) => model.send_msg({ kind: "tick", id, on })
  const tick = tickOf(`Choose ${label}`, toggle, "-1")
  const card = imageCard(
    model,
    item,
    {
      class: `card${id === model.selected ? " on" : ""}`,
      tabindex: "-1",
      "aria-label": [label, note, keep && "keep"].filter(Boolean).join(", "),
      title: [label, note].filter(Boolean).join("\n"),
      onclick: (event) => {
        if (event.shiftKey) {
          tick.click()
        } else {
          model.send_msg({ kind: "open", id })
        }
      },
    },
    note && h("span", { class: "note muted" }, note),
  )
  const badge = keep === true && h("span", { class: "sign keep" }, "Keep")
  const el = h("div", { class: "cell" }, card, badge, h("span", { class: "sign out" }, "Excluded"), tick)
  return { item, el, tick }
}

/** @returns {Group} */
function plainGroup() {
  const grid = h("div", { class: "grid" })
  return { el: grid, grid, tick: h("span"), cells: [] }
}

/**
 * @param {InsightsModel} model
 * @param {FoundItem} first
 * @param {number} place from 1
 * @param {(keeper: Cell) => void} compare
 * @returns {Group}
 */
function groupOf(model, first, place, compare) {
  const size = first.size ?? 1
  const name = `Group ${formatNumber(place)}`
  const tick = tickOf(`Choose ${name}`, (on) => model.send_msg({ kind: "tick_group", id: first.id, on }))
  const grid = h("div", { class: first.keep === undefined ? "grid" : "grid sides" })
  const folded = size - MAX_SHOWN
  const unfold = h(
    "button",
    {
      class: "action unfold",
      type: "button",
      onclick: () => model.send_msg({ kind: "unfold", group: first.group }),
    },
    `Show ${formatNumber(folded)} more`,
  )
  /** @type {Cell[]} */
  const cells = []
  const compareButton = h(
    "button",
    {
      class: "action",
      type: "button",
      "aria-label": `Compare ${name}`,
      onclick: () => cells[0] && compare(cells[0]),
    },
    icon(COMPARE),
    "Compare",
  )
  const comparable = first.keep !== undefined && size > 1
  const title = h("h3", { class: "grow" }, countImages(size))
  const head = h("div", { class: "row" }, tick, title, comparable && compareButton)
  const el = h(
    "section",
    { class: "group", "aria-label": `${name}, ${countImages(size)}` },
    head,
    grid,
    folded > 0 && unfold,
  )
  return { el, grid, tick, cells }
}
