// Thumbnails are small. Where cards are larger, their images are fetched again in a size that is sharp there.

/** The longer side of a stored thumbnail, in pixels of the screen. */
const THUMBNAIL = 128

/**
 * @param {HTMLElement} grid
 */
export function sharpImages(grid) {
  let isLarge = false
  const update = () => {
    for (const image of grid.querySelectorAll("img")) {
      const [from, to] = isLarge ? ["/img/thumb/", "/img/medium/"] : ["/img/medium/", "/img/thumb/"]
      const src = image.getAttribute("src") ?? ""
      if (src.includes(from)) {
        image.src = src.replace(from, to)
      }
    }
  }
  /** @param {number} size of the cards in pixels of the page */
  const resize = (size) => {
    const wanted = size * devicePixelRatio > THUMBNAIL
    if (wanted !== isLarge) {
      isLarge = wanted
      update()
    }
  }
  return { resize, update }
}
