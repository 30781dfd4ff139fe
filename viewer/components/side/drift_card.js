// What has changed since the version before, and a switch that shows it on the map.

import { draw, h, onChange } from "../dom.js"
import { formatNumber } from "../text.js"

/** @import { Child, Component, Model } from "../types" */

/** @typedef {"both" | "before" | "new"} Side */

/**
 * A cluster that changed; `id` is null where it cannot be selected.
 *
 * @typedef {{ name: string, before: number, after: number, id: number | null }} ChangedCluster
 */

/**
 * @typedef {object} Facts
 * @property {string} since when the version before was published, ISO
 * @property {number} new how many images are new
 * @property {number} gone
 * @property {number} stayed
 * @property {number} unlike how many of the new ones are unlike all before
 * @property {string} share the same as a share of them
 * @property {boolean} drifted
 * @property {string} verdict in a sentence
 * @property {{ words: string, clusters: ChangedCluster[] }[]} changes
 * @property {boolean} switch whether the map can show what is new
 */

/** @typedef {Facts | { since?: undefined }} Known */

/**
 * @typedef {object} Properties
 * @property {Known} facts what has changed, {} if there is nothing to compare with
 * @property {"" | Side} side what the map shows, "" for others
 */

/** @typedef {Model<Properties>} DriftModel */

/** @param {Component<Properties>} component */
export function render({ model }) {
  return draw(model, ["facts"], () => {
    const { facts } = model
    return facts.since === undefined ? [] : [card(model, facts)]
  })
}

/**
 * @param {DriftModel} model
 * @param {Facts} facts
 */
function card(model, facts) {
  const since = new Date(facts.since).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
  })
  return h(
    "section",
    { class: "since", "aria-labelledby": "since-title" },
    h("h2", { id: "since-title" }, "Since the version before"),
    h("div", { class: "muted" }, `of ${since}: ${counts(facts)}`),
    h("div", { class: facts.drifted ? "verdict drifted" : "verdict" }, facts.verdict),
    facts.unlike > 0 &&
      h(
        "div",
        { class: "muted" },
        `${formatNumber(facts.unlike)} of the new ones (${facts.share}) are far from all before; 5% is usual.`,
      ),
    facts.changes.map(({ words, clusters }) => changeLine(model, words, clusters)),
    facts.switch && sideButtons(model, facts),
  )
}

/** @param {Facts} facts */
function counts(facts) {
  const { gone, stayed } = facts
  return `${formatNumber(facts.new)} new, ${formatNumber(gone)} gone, ${formatNumber(stayed)} stayed`
}

/**
 * @param {DriftModel} model
 * @param {string} words
 * @param {ChangedCluster[]} clusters
 */
function changeLine(model, words, clusters) {
  return h(
    "div",
    { class: "change" },
    h("span", { class: "muted" }, words),
    clusters.map((cluster) => clusterChip(model, cluster)),
  )
}

/**
 * @param {DriftModel} model
 * @param {ChangedCluster} cluster
 * @returns {Child}
 */
function clusterChip(model, { name, before, after, id }) {
  const numbers = `${formatNumber(before)} → ${formatNumber(after)}`
  const contents = [h("span", {}, name), h("span", { class: "muted" }, numbers)]
  const title = `${name}: ${formatNumber(before)} images before, ${formatNumber(after)} now`
  if (id === null) {
    return h("span", { class: "chip still", title }, contents)
  }
  const select = () => model.send_msg({ kind: "cluster", id })
  return h("button", { class: "chip", type: "button", title, onclick: select }, contents)
}

/**
 * Build the switch. A press on the side in use ends it.
 *
 * @param {DriftModel} model
 * @param {Facts} facts
 */
function sideButtons(model, facts) {
  /** @type {[Side, string][]} */
  const sides = [
    ["before", `Before ${formatNumber(facts.stayed)}`],
    ["new", `New ${formatNumber(facts.new)}`],
    ["both", "Both"],
  ]
  const buttons = sides.map(([side, words]) => {
    const el = h(
      "button",
      { class: "part-of", type: "button", onclick: () => model.send_msg({ kind: "side", side }) },
      words,
    )
    return { side, el }
  })
  const update = () => {
    for (const { side, el } of buttons) {
      el.setAttribute("aria-pressed", String(side === model.side))
    }
  }
  onChange(model, ["side"], update)
  update()
  return h(
    "div",
    { class: "row on-map" },
    h("span", { class: "muted" }, "On the map"),
    h(
      "div",
      { class: "parts", role: "group", "aria-label": "Show on the map" },
      buttons.map(({ el }) => el),
    ),
  )
}
