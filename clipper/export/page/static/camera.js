// Where one looks: the middle of the view, and how many pixels a unit of the map has.

/** @param {{ bounds: number[], view: number[] }} main */
export function createCamera(main) {
  const [x0, x1, y0, y1] = main.view
  const camera = { x: (x0 + x1) / 2, y: (y0 + y1) / 2, zoom: 1, base: 1, width: 1, height: 1, fitted: 0 }
  const least = () => camera.base / 4
  const most = () => camera.base * 400

  return Object.assign(camera, {
    /** Take the size of the map; keep what is in view.
     * @param {number} width
     * @param {number} height */
    resize(width, height) {
      const relative = camera.fitted ? camera.zoom / camera.base : 1
      camera.width = width
      camera.height = height
      camera.base = Math.min(width / (x1 - x0), height / (y1 - y0)) * 0.94
      camera.zoom = camera.base * relative
      camera.fitted = 1
    },
    home() {
      camera.x = (x0 + x1) / 2
      camera.y = (y0 + y1) / 2
      camera.zoom = camera.base
    },
    /** @param {number} wx
     *  @param {number} wy */
    toScreen: (wx, wy) => [
      (wx - camera.x) * camera.zoom + camera.width / 2,
      camera.height / 2 - (wy - camera.y) * camera.zoom,
    ],
    /** @param {number} dx
     *  @param {number} dy */
    pan(dx, dy) {
      camera.x -= dx / camera.zoom
      camera.y += dy / camera.zoom
    },
    /** Zoom by a factor, with the map still under a place of the screen.
     * @param {number} factor
     * @param {number} sx
     * @param {number} sy */
    zoomAt(factor, sx, sy) {
      const wx = camera.x + (sx - camera.width / 2) / camera.zoom
      const wy = camera.y - (sy - camera.height / 2) / camera.zoom
      camera.zoom = Math.min(most(), Math.max(least(), camera.zoom * factor))
      camera.x = wx - (sx - camera.width / 2) / camera.zoom
      camera.y = wy + (sy - camera.height / 2) / camera.zoom
    },
    /** Go to a place of the map.
     * @param {number} wx
     * @param {number} wy */
    goTo(wx, wy) {
      camera.x = wx
      camera.y = wy
      camera.zoom = Math.max(camera.zoom, camera.base * 6)
    },
  })
}
