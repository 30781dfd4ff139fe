// The page: loads its data, and joins map, charts and search.

import { createCamera } from "./camera.js"
import { applyFilters, drawCharts } from "./charts.js"
import { createPainter } from "./paint.js"
import { bytesOf, grouped, longsOf, make, part } from "./parts.js"
import { createSearch } from "./search.js"
import { createSheets } from "./sheets.js"

const NOTHING =
  "No word and no name is like this. This page knows the words of its dataset and some thousand things that can be seen."
const NO_WORDS = "No name is like this. The page was made without the model, so it knows no words."

/** @param {string} id
 *  @returns {any} */
const byId = (id) => document.getElementById(id)

async function start() {
  const main = await part("main")
  const canvas = byId("map")
  const darkness = matchMedia("(prefers-color-scheme: dark)")
  const n = main.images
  document.title = main.title
  byId("title").textContent = main.title
  byId("count").textContent = `${grouped(n)} images`
  byId("indexed").textContent = `, ${main.indexed}`
  canvas.setAttribute(
    "aria-label",
    `Map of ${grouped(n)} images. Arrows pan, plus and minus zoom, 0 shows everything.`,
  )

  /** @type {any} */
  const model = {
    main,
    n,
    x: new Float32Array(n),
    y: new Float32Array(n),
    rank: new Uint32Array(n),
    codes: new Uint8Array(n),
    passes: new Uint8Array(n).fill(1),
    filtered: false,
    clusters: main.clusters,
    columns: [],
    colourColumn: null,
    hits: [],
    isHit: null,
    chosen: -1,
    look: main.looks.light,
    hex: [],
    packed: new Uint32Array(256),
    faint: 0,
    ground: 0,
    accent: "",
    colourOf: (/** @type {number} */ key) =>
      key < main.codes.own || key >= main.codes.other ? key : main.codes.other,
  }
  const camera = createCamera(main)
  const sheets = createSheets(main, () => painter.later())
  const painter = createPainter(canvas, model, camera, sheets)
  const search = createSearch(main)

  const [positions, ranks] = await Promise.all([part("positions"), part("faces")])
  const places = new Uint16Array(bytesOf(positions).buffer)
  const [x0, x1, y0, y1] = main.bounds
  for (let i = 0; i < n; i += 1) {
    model.x[i] = x0 + ((x1 - x0) * places[i]) / 65_535
    model.y[i] = y0 + ((y1 - y0) * places[n + i]) / 65_535
  }
  model.rank = longsOf(ranks)

  /** Make the colour of each code from the theme and the column that colours the map. */
  function paintColours() {
    model.look = main.looks[darkness.matches ? "dark" : "light"]
    model.accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim()
    const column = model.colourColumn
    model.codes = column ? column.codes : new Uint8Array(n)
    for (let code = 0; code < 256; code += 1) {
      model.hex[code] = hexOf(code, column, model.look, main.codes)
      model.packed[code] = packColour(model.hex[code])
    }
    model.faint = packColour(model.look.absent)
    model.ground = packColour(model.look.canvas)
  }

  function refresh() {
    model.filtered = model.columns.some((/** @type {any} */ one) => one.picked.size)
    applyFilters(model.columns, model.passes, main.codes)
    const passing = model.filtered
      ? model.passes.reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0)
      : n
    const clear = make("button", { type: "button", class: "more", onclick: clearFilters }, "Clear filters")
    byId("filtered").replaceChildren(
      model.filtered ? `${grouped(passing)} of ${grouped(n)} images` : `All ${grouped(n)} images`,
      ...(model.filtered ? [clear] : []),
    )
    const focused = focusPath(byId("charts"))
    drawCharts(byId("charts"), model, refresh)
    focused()
    painter.later()
  }

  function clearFilters() {
    for (const column of model.columns) {
      column.picked.clear()
    }
    refresh()
    canvas.focus()
  }

  const listed = []
  for (const [at, about] of main.columns.entries()) {
    listed.push(
      part(`column-${at}`).then((text) => ({
        ...about,
        ...cellsOf(about, text),
        picked: new Set(),
        open: false,
      })),
    )
  }
  model.columns = await Promise.all(listed)
  const colours = byId("colour")
  const choices = model.columns.filter((/** @type {any} */ one) => one.kind !== "list")
  colours.append(
    make("option", { value: "" }, "Nothing"),
    ...choices.map((/** @type {any} */ one) => make("option", { value: one.name }, one.name)),
  )
  const recolour = () => {
    model.colourColumn = choices.find((/** @type {any} */ one) => one.name === colours.value) ?? null
    paintColours()
    refresh()
  }
  colours.value = choices.some((/** @type {any} */ one) => one.name === main.colour) ? main.colour : ""
  colours.addEventListener("change", recolour)
  darkness.addEventListener("change", recolour)

  const measure = () => {
    camera.resize(canvas.clientWidth, canvas.clientHeight)
    painter.later()
  }
  new ResizeObserver(measure).observe(canvas)
  measure()
  recolour()

  // What is under the pointer, and what was clicked.

  let hovered = -1
  /** @param {number} at */
  async function valuesOf(at) {
    const texts = await search.textsOf(at)
    const pairs = main.card.map((/** @type {string} */ name, /** @type {number} */ k) => [name, texts[k + 2]])
    return { id: texts[0], name: texts[1], pairs: pairs.filter((/** @type {string[]} */ pair) => pair[1]) }
  }

  /** @param {string[][]} pairs */
  const list = (pairs) =>
    make("dl", {}, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]))

  /** @param {number} at
   *  @param {number} sx
   *  @param {number} sy */
  async function hover(at, sx, sy) {
    const card = byId("card")
    if (at !== hovered) {
      hovered = at
      card.hidden = true
      if (at < 0) {
        return
      }
      const { name, pairs } = await valuesOf(at)
      if (at !== hovered) {
        return
      }
      card.replaceChildren(
        sheets.face(at, Math.min(112, main.cell)),
        make("div", { class: "name" }, name),
        list(pairs.slice(0, 4)),
      )
      card.hidden = false
    }
    const left = sx + 16 + card.offsetWidth > camera.width ? sx - card.offsetWidth - 16 : sx + 16
    card.style.left = `${Math.max(4, left)}px`
    card.style.top = `${Math.max(4, Math.min(sy + 12, camera.height - card.offsetHeight - 4))}px`
  }

  /** @param {number} at
   *  @param {boolean} go */
  async function choose(at, go) {
    model.chosen = at
    const el = byId("detail")
    el.hidden = at < 0
    if (at >= 0) {
      const { id, name, pairs } = await valuesOf(at)
      const close = make(
        "button",
        { type: "button", class: "more", onclick: () => choose(-1, false) },
        "Close",
      )
      el.replaceChildren(
        sheets.face(at, 160),
        make("h2", {}, name),
        make("p", { class: "soft" }, id),
        list(pairs),
        close,
      )
      byId("side").classList.remove("closed")
      byId("side").scrollTop = 0
      if (go) {
        camera.goTo(model.x[at], model.y[at])
      }
    }
    painter.later()
  }

  listen(canvas, camera, painter, { hover, choose, moved: () => byId("hint").classList.add("gone") })
  byId("in").addEventListener("click", () => zoom(1.6))
  byId("out").addEventListener("click", () => zoom(1 / 1.6))
  byId("home").addEventListener("click", () => {
    camera.home()
    painter.later()
  })
  /** @param {number} factor */
  function zoom(factor) {
    camera.zoomAt(factor, camera.width / 2, camera.height / 2)
    painter.later()
  }
  byId("toggle").addEventListener("click", () => {
    const closed = byId("side").classList.toggle("closed")
    byId("toggle").setAttribute("aria-expanded", String(!closed))
  })

  // Search.

  let turn = 0
  /** @param {string} text
   *  @param {string} [word] */
  async function ask(text, word) {
    turn += 1
    const mine = turn
    const el = byId("results")
    if (!text.trim()) {
      el.hidden = true
      show([])
      return
    }
    const words = await search.wordsLike(text)
    const picked = word ?? words[0] ?? ""
    const near = await search.imagesOf(picked)
    const named = await search.named(text, () => mine !== turn)
    const { why } = await search.load()
    if (mine !== turn) {
      return
    }
    const known = new Set(near)
    const others = named.filter((at) => !known.has(at))
    el.replaceChildren(
      ...section(near, `Images near “${picked}”`, () => chipsOf(words, picked, (one) => ask(text, one))),
      ...section(others, `Names with “${text.trim()}”`, () => ""),
    )
    if (!el.childElementCount) {
      el.append(make("p", {}, why ? NO_WORDS : NOTHING))
    }
    el.hidden = false
    byId("side").classList.remove("closed")
    byId("side").scrollTop = 0
    show([...new Set([...near, ...named])])
  }

  /** A part of the results; nothing without any image.
   * @param {number[]} rows
   * @param {string} title
   * @param {() => Node | string} below */
  const section = (rows, title, below) =>
    rows.length ? [make("h2", { class: "block" }, title), below(), hits(rows)] : []

  /** @param {number[]} rows */
  function show(rows) {
    model.hits = rows
    model.isHit = rows.length ? new Uint8Array(n) : null
    for (const row of rows) {
      model.isHit[row] = 1
    }
    painter.later()
  }

  /** @param {number[]} rows */
  function hits(rows) {
    const grid = make("div", { class: "grid" })
    for (const at of rows) {
      const button = make(
        "button",
        { class: "hit", type: "button", "aria-label": `Image ${at + 1}`, onclick: () => choose(at, true) },
        sheets.face(at, 0),
      )
      search.textsOf(at).then(([, name]) => {
        button.setAttribute("aria-label", name)
        button.title = name
      })
      grid.append(button)
    }
    return grid
  }

  const input = byId("words")
  let timer = 0
  input.addEventListener("input", () => {
    clearTimeout(timer)
    timer = setTimeout(() => ask(input.value), 120)
  })
  byId("ask").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault()
    ask(input.value)
  })
  document.documentElement.dataset.ready = "yes"
}

/**
 * Move and zoom by pointer, wheel and keys; tell what is under the pointer.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {any} camera
 * @param {any} painter
 * @param {any} actions
 */
function listen(canvas, camera, painter, actions) {
  /** @type {Map<number, { x: number, y: number }>} */
  const held = new Map()
  let travelled = 0
  /** @param {MouseEvent} event */
  const place = (event) => {
    const box = canvas.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId)
    held.set(event.pointerId, place(event))
    travelled = held.size > 1 ? 99 : 0
    canvas.classList.add("dragging")
    actions.hover(-1, 0, 0)
  })
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event)
    const before = held.get(event.pointerId)
    if (!before) {
      actions.hover(painter.imageAt(now.x, now.y), now.x, now.y)
      return
    }
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1]
    if (other) {
      const apart = (/** @type {{ x: number, y: number }} */ one) =>
        Math.max(1, Math.hypot(one.x - other.x, one.y - other.y))
      camera.zoomAt(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2)
    } else {
      camera.pan(now.x - before.x, now.y - before.y)
      travelled += Math.abs(now.x - before.x) + Math.abs(now.y - before.y)
    }
    held.set(event.pointerId, now)
    actions.moved()
    painter.later()
  })
  /** @param {PointerEvent} event */
  const release = (event) => {
    held.delete(event.pointerId)
    canvas.classList.toggle("dragging", held.size > 0)
  }
  canvas.addEventListener("pointerup", (event) => {
    const now = place(event)
    if (held.has(event.pointerId) && travelled < 5) {
      actions.choose(painter.imageAt(now.x, now.y), false)
    }
    release(event)
  })
  canvas.addEventListener("pointercancel", release)
  canvas.addEventListener("pointerleave", () => actions.hover(-1, 0, 0))
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault()
      const now = place(event)
      const lines = event.deltaMode === 1 ? 16 : 1
      camera.zoomAt(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) / 320), now.x, now.y)
      actions.moved()
      painter.later()
    },
    { passive: false },
  )
  canvas.addEventListener("keydown", (event) => {
    const step = 60
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }
    const move = moves[/** @type {keyof typeof moves} */ (event.key)]
    const factor = { "+": 1.4, "=": 1.4, "-": 1 / 1.4 }[event.key]
    if (move) {
      camera.pan(move[0], move[1])
    } else if (factor) {
      camera.zoomAt(factor, camera.width / 2, camera.height / 2)
    } else if (event.key === "0") {
      camera.home()
    } else if (event.key === "Enter") {
      actions.choose(painter.imageAt(camera.width / 2, camera.height / 2), false)
    } else if (event.key === "Escape") {
      actions.choose(-1, false)
    } else {
      return
    }
    event.preventDefault()
    painter.later()
  })
}

/**
 * @param {number} code
 * @param {any} column
 * @param {any} look
 * @param {any} codes
 */
function hexOf(code, column, look, codes) {
  if (!column) {
    return look.plain
  }
  if (code === codes.missing) {
    return look.absent
  }
  if (column.kind === "category") {
    return look.categories[code] ?? look.neutral
  }
  return onRamp(look.ramp, Math.min(1, code / (codes.ramp - 1)))
}

/** @param {string[]} stops
 *  @param {number} share */
function onRamp(stops, share) {
  const at = share * (stops.length - 1)
  const low = Math.min(stops.length - 2, Math.floor(at))
  const mixed = [1, 3, 5].map((start) => {
    const [a, b] = [stops[low], stops[low + 1]].map((stop) =>
      Number.parseInt(stop.slice(start, start + 2), 16),
    )
    return Math.round(a + (b - a) * (at - low))
  })
  return `#${mixed.map((one) => one.toString(16).padStart(2, "0")).join("")}`
}

/** The colour as a canvas has it in memory: red in the lowest byte.
 * @param {string} text */
function packColour(text) {
  const [r, g, b] = [1, 3, 5].map((start) => Number.parseInt(text.slice(start, start + 2), 16))
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0
}

/** @param {any} about
 *  @param {string} text */
function cellsOf(about, text) {
  if (about.kind !== "list") {
    return { codes: bytesOf(text) }
  }
  const all = longsOf(text)
  let start = 0
  return {
    rows: about.counts.map((/** @type {number} */ count) => {
      start += count
      return all.subarray(start - count, start)
    }),
  }
}

/**
 * @param {string[]} words
 * @param {string} picked
 * @param {(word: string) => void} pick
 */
function chipsOf(words, picked, pick) {
  const chips = words.map((one) =>
    make(
      "button",
      { type: "button", class: "chip", "aria-pressed": String(one === picked), onclick: () => pick(one) },
      one,
    ),
  )
  return make("div", { class: "chips" }, ...chips)
}

/** Note which button of the charts has the focus, to give it back when they are drawn again.
 * @param {HTMLElement} el */
function focusPath(el) {
  const buttons = [...el.querySelectorAll("button")]
  const active = /** @type {any} */ (document.activeElement)
  const at = buttons.indexOf(active)
  return () => {
    if (at >= 0) {
      /** @type {HTMLElement | undefined} */
      ;[...el.querySelectorAll("button")][at]?.focus()
    }
  }
}

start().catch((error) => {
  document.body.append(make("p", { role: "alert" }, `The page cannot be shown: ${error.message}`))
})
