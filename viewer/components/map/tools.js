// Two toggle buttons for the tools that choose images on the map: a lasso and a box.

import { h, icon } from "../dom.js"
import { followTool, toggleTool, toolInHand } from "./hand.js"

/** @import { Component } from "../types" */
/** @import { Tool } from "./hand.js" */

/** @type {{ tool: Tool, label: string, shape: string }[]} */
const TOOLS = [
  {
    tool: "lasso",
    label: "Choose with a lasso (L)",
    shape:
      "M12 5c5 0 8.5 2.2 8.5 5.2S17 15.6 12 15.6 3.5 13.300 3.500 10.200 7 5 12 5zM7.300 14.700a2.100 2.100 0 11-1.500 3.900M7.300 18.600c.6 1 .3 2-1 2.900",
  },
  {
    tool: "box",
    label: "Choose with a box (B)",
    shape: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M4 11v2M20 11v2M11 4h2M11 20h2",
  },
]

/** @param {Component<Record<never, never>>} component */
export function render({ model }) {
  const buttons = TOOLS.map(({ tool, label, shape }) => {
    const button = h(
      "button",
      {
        class: "square tool",
        type: "button",
        title: label,
        "aria-label": label,
        onclick: () => toggleTool(tool),
      },
      icon(shape),
    )
    followTool(model, () => button.setAttribute("aria-pressed", String(toolInHand() === tool)))
    return button
  })
  return h("div", { class: "root tools", role: "group", "aria-label": "Choose on the map" }, buttons)
}
