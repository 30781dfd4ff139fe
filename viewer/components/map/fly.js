// Runs whenever the server asks for a movement of the map, and glides to its destination.

import { currentView, glideTo, viewOf, withinLimits } from "./camera.js"

/** @import { BoxColumns, Figure, MapView, Source, TargetColumns } from "../types" */

/**
 * @param {object} args
 * @param {Figure} args.fig
 * @param {Source<BoxColumns>} args.home the first view
 * @param {Source<TargetColumns>} args.target
 * @param {number} args.padding
 */
export function run({ fig, home, target, padding }) {
  const isLaidOut = fig.inner_width > 0 && fig.inner_height > 0
  if (isLaidOut && target.data.stamp[0] !== 0) {
    glideTo(fig, withinLimits(fig, destination(fig, home.data, target.data, padding)))
  }
}

/**
 * Return the view at the end of a movement.
 *
 * @param {Figure} fig
 * @param {BoxColumns} home
 * @param {TargetColumns} target
 * @param {number} padding
 * @returns {MapView}
 */
export function destination(fig, home, target, padding) {
  if (target.aim[0] === "zoom") {
    const now = currentView(fig, fig.inner_width)
    return { ...now, unit: now.unit * (target.factor[0] ?? 1) }
  }
  return viewOf(fig, target.aim[0] === "home" ? home : target, padding)
}
