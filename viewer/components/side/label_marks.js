// The labels of an image on its card: the digit of each in its colour.

import { h } from "../dom.js"
import { cardsIn } from "./cards.js"

/**
 * Show on each card of a grid the labels that its image has, and no others.
 *
 * @param {HTMLElement} grid
 * @param {Record<string, [string, string, string][]>} marks digit, tag and colour of each label, by image
 */
export function markLabels(grid, marks) {
  for (const card of cardsIn(grid)) {
    const labels = marks[card.dataset.id ?? ""] ?? []
    card.querySelector(".card-labels")?.remove()
    if (labels.length > 0) {
      const said = labels.map(([, tag]) => tag).join(", ")
      const marked = labels.map(([digit, tag, colour]) =>
        h("span", { class: "card-label", title: tag, style: `--mark:${colour || "var(--c-muted)"}` }, digit),
      )
      card.append(h("span", { class: "card-labels", role: "img", "aria-label": `labelled ${said}` }, marked))
    }
  }
}
