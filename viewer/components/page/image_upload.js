// Uploads an image to search with. A person chooses, pastes or drops it; it goes to the server in pieces.

import { h, ICONS, icon, listenWhileShown } from "../dom.js"
import { DRAGGED_IMAGE } from "../side/cards.js"

/** @import { BarModel } from "./query_bar.js" */

/**
 * The reason to refuse an upload: no image, a link, too large, or several at once.
 *
 * @typedef {"nothing" | "link" | "large" | "many"} Refusal
 */

/** What the dialog offers: many systems do not count the formats behind `image/*` as images. */
const ACCEPTED =
  "image/*,.heic,.heif,.hif,.avif,.jxl,.jp2,.psd,.dng,.nef,.cr2,.cr3,.arw,.raf,.orf,.rw2,.pef,.tif,.tiff"

/** Bytes of one piece. */
const PIECE = 1 << 20

/**
 * The browser repeats "dragover" during a drag; after this many milliseconds without one the drag has left
 * the page.
 */
const AWAY = 250

/**
 * Build the button that chooses a file, and the target that covers the page during a drag.
 *
 * @param {BarModel} model
 */
export function imageUpload(model) {
  const upload = uploader(model)
  listenWhileShown(model, document, ["paste"], (event) => {
    const files = [...(event.clipboardData?.files ?? [])]
    if (files.length > 0) {
      event.preventDefault() // but pasted words go where they belong
      upload.take(files)
    }
  })
  return { button: fileButton(upload.take), target: dropTarget(model, upload) }
}

/**
 * Send one image at a time. Another image, or a refusal, cancels the upload in progress.
 *
 * @param {BarModel} model
 */
function uploader(model) {
  let current = 0
  /**
   * @param {Refusal} why
   * @param {number} count
   */
  const refuse = (why, count = 0) => {
    current += 1
    model.send_msg({ kind: "refuse", why, count })
  }
  /** @param {File} file */
  const send = async (file) => {
    current += 1
    const number = current
    model.send_msg({ kind: "begin", number, name: file.name, size: file.size })
    let at = 0
    do {
      const piece = file.slice(at, at + PIECE)
      // This fails for a folder, and for a file that was deleted meanwhile.
      const data = await piece.arrayBuffer().catch(() => null)
      if (number !== current) {
        return
      }
      if (data === null) {
        refuse("nothing")
        return
      }
      model.send_msg({ kind: "part", number, data })
      at += PIECE
    } while (at < file.size)
  }
  /** @param {File[]} files */
  const take = (files) => {
    const [file, ...more] = files
    if (!file) {
      refuse("nothing")
    } else if (more.length > 0) {
      refuse("many", files.length)
    } else if (file.size > model.most_bytes) {
      refuse("large", file.size)
    } else {
      send(file)
    }
  }
  return { take, refuse }
}

/**
 * Build the button that chooses a file.
 *
 * @param {(files: File[]) => void} take
 */
function fileButton(take) {
  const input = h("input", {
    type: "file",
    accept: ACCEPTED,
    class: "chosen",
    tabindex: "-1",
    "aria-hidden": "true",
    onchange: () => {
      if (input.files?.length) {
        take([...input.files])
      }
      input.value = ""
    },
  })
  const button = h(
    "button",
    {
      type: "button",
      class: "square",
      "aria-label": "Search with an image",
      title: "Search with an image: choose, paste or drop one",
      onclick: () => input.click(),
    },
    icon(ICONS.picture),
  )
  return [button, input]
}

/**
 * Build the target that covers the page during a drag and accepts the drop.
 *
 * @param {BarModel} model
 * @param {ReturnType<typeof uploader>} upload
 */
function dropTarget(model, upload) {
  const el = h(
    "div",
    { class: "target", "aria-hidden": "true" },
    h("div", {}, "Drop an image to search with it"),
  )
  const hide = () => el.classList.remove("shown")
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  listenWhileShown(model, document, ["dragover"], (event) => {
    if (event.dataTransfer && isWanted(event.dataTransfer)) {
      event.preventDefault()
      el.classList.add("shown")
      clearTimeout(timer)
      timer = setTimeout(hide, AWAY)
    }
  })
  listenWhileShown(model, document, ["drop"], (event) => {
    const { dataTransfer } = event
    if (!dataTransfer || !isWanted(dataTransfer)) {
      return
    }
    event.preventDefault()
    hide()
    const { types } = dataTransfer
    const files = [...dataTransfer.files]
    if (types.includes(DRAGGED_IMAGE)) {
      model.send_msg({ kind: "like", id: dataTransfer.getData(DRAGGED_IMAGE), minus: false })
    } else if (files.length > 0) {
      upload.take(files)
    } else {
      upload.refuse(types.includes("text/uri-list") ? "link" : "nothing")
    }
  })
  return el
}

/** @param {DataTransfer} transfer */
function isWanted({ types }) {
  return [DRAGGED_IMAGE, "Files", "text/uri-list"].some((type) => types.includes(type))
}
