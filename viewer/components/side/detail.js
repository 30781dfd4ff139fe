// One image in full: the picture, all that is known of it, and the images most like it.
const LOST = {
  gone: "The original is gone or was moved. This is its thumbnail.",
  changed: "The original has changed since it was indexed. This is its thumbnail.",
  unreadable: "The original cannot be shown. This is its thumbnail.",
}
const PREVIOUS = "M15 6l-6 6 6 6"
const NEXT = "M9 6l6 6-6 6"
const DONE = "M5 13l4 4L19 7"
const LARGEST = 3 // times its own size
const LARGE = "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"
// The thumbnail at once, the original over it when it has come, and in words why where it has not.
const picture = (item, large, signal) => {
  const image = h("img", {class: "full", alt: item.label, src: image_url("thumb", item)})
  const note = h("div", {class: "lost muted", role: "status"})
  const show = async () => {
    const answer = await fetch(image_url("full", item), {signal})
    const lost = answer.ok ? answer.headers.get("Original-Is") : "gone"
    if (lost) { note.textContent = LOST[lost] ?? LOST.unreadable; return }
    const url = URL.createObjectURL(await answer.blob())
    image.addEventListener("load", () => URL.revokeObjectURL(url), {once: true})
    image.addEventListener("error", () => { note.textContent = LOST.unreadable; image.src = image_url("thumb", item) }, {once: true})
    image.src = url
  }
  show().catch(() => { if (signal.aborted) { return } note.textContent = LOST.unreadable })
  const button = h("button", {class: "stage", type: "button", title: "See it large", "aria-label": `See ${item.label} large`, onclick: large},
    image, h("span", {class: "enlarge"}, icon(LARGE)))
  return h("div", {class: "picture"}, button, note)
}
function render({model, view}) {
  const say = (kind, more = {}) => model.send_msg({kind, ...more})
  const square = (label, path, act, more = {}) => h("button", {class: "square", type: "button", title: label, "aria-label": label, onclick: act, ...more}, icon(path))
  const value = (known) => Array.isArray(known)
    ? h("dd", {}, h("div", {class: "tags"}, known.map((item) => h("span", {class: "tag"}, said(item)))))
    : h("dd", {}, known)
  const like = (item) => h("button", {
    class: "card", type: "button", title: item.label, "aria-label": `${item.label}, similarity ${item.similarity.toFixed(3)}`,
    onclick: () => say("open", {id: item.id}),
    onmouseenter: () => say("point", {id: item.id}),
    onmouseleave: () => say("point", {id: null}),
  }, h("div", {class: "frame"}, h("img", {src: image_url("thumb", item), alt: "", loading: "lazy"})),
  h("div", {class: "caption"}, h("span", {class: "label"}, item.label)), h("span", {class: "figures"}, h("span", {class: "score"}, item.similarity.toFixed(3))))
  const alike = draw(model, ["similar", "more"], () => model.similar.length > 0
    ? [h("div", {class: "row"}, h("h3", {class: "grow"}, "Most similar images"),
      h("button", {class: "action", type: "button", onclick: () => say("choose")}, icon(ICONS.plus), "Choose them")),
    h("div", {class: "grid"}, model.similar.map(like)),
    model.more && h("button", {class: "action", type: "button", onclick: () => say("similar")}, "Show more")] : [], "alike")

  // a small image is not blown up to the whole screen
  const natural = () => { seen.style.maxWidth = `${seen.naturalWidth * LARGEST}px`; seen.style.maxHeight = `${seen.naturalHeight * LARGEST}px` }
  const seen = h("img", {alt: "", onload: natural})
  const caption = h("div", {class: "row words"})
  const light = h("dialog", {class: "light", "aria-label": "The image in full", onclick: () => light.close(),
    onkeydown: (event) => { if (event.key === "Escape") { event.stopPropagation() } }}, seen, caption)
  const enlarge = () => {
    if (!model.item.id) { light.close(); return }
    seen.alt = model.item.label
    seen.src = image_url("full", model.item)
    caption.textContent = model.place > 0 ? `${model.item.label} · ${number(model.place)} of ${number(model.among)}` : model.item.label
  }
  const large = () => { enlarge(); light.showModal() }
  model.on("item", () => { if (light.open) { enlarge() } })
  model.on("place", () => { if (light.open) { enlarge() } })

  const step = draw(model, ["place", "among"], () => model.place > 0 ? [
    square("Previous image (←)", PREVIOUS, () => say("step", {by: -1}), {disabled: model.place === 1}),
    h("span", {class: "muted place"}, `${number(model.place)} / ${number(model.among)}`),
    square("Next image (→)", NEXT, () => say("step", {by: 1}), {disabled: model.place === model.among})] : [], "step")
  const choice = draw(model, ["chosen"], () => [h("button", {class: `chip${model.chosen ? " on" : ""}`, type: "button", "aria-pressed": String(model.chosen),
    onclick: () => say("toggle")}, icon(model.chosen ? DONE : ICONS.plus), h("span", {}, model.chosen ? "Chosen" : "Choose"))], "choice")
  const names = h("datalist", {id: "known-tags-of-one"})
  const suggest = () => names.replaceChildren(...model.known.map((tag) => h("option", {value: tag})))
  model.on("known", suggest)
  suggest()
  const input = h("input", {class: "field", type: "text", maxlength: "200", placeholder: "Add a tag…", "aria-label": "Add a tag", list: "known-tags-of-one", autocomplete: "off"})
  const give = (event) => { event.preventDefault(); if (input.value.trim()) { say("tag", {text: input.value}); input.value = "" } }
  const tags = draw(model, ["given"], () => model.given.map((tag) => h("span", {class: "chip tagged", title: tag}, h("span", {}, tag),
    h("button", {class: "remove", type: "button", title: "Remove", "aria-label": `Remove the tag ${tag}`, onclick: () => say("untag", {tag})}, icon(ICONS.close)))), "chips")
  const trouble = draw(model, ["trouble"], () => [model.trouble && h("div", {class: "error", role: "alert"}, model.trouble)], "part")
  const tagging = h("div", {class: "tagging"}, tags, h("form", {onsubmit: give}, input, names), trouble)

  const path = draw(model, ["path"], () => {
    const copy = square("Copy the path", ICONS.copy, async () => {
      const done = await copy_text(model.path)
      copy.replaceChildren(icon(done ? DONE : ICONS.close))
      copy.title = done ? "Copied" : "The browser did not let it be copied"
    })
    return [h("span", {class: "grow muted"}, model.path), copy]
  }, "row path")
  const more = (item, minus) => h("button", {class: `chip${minus ? " less" : ""}`, type: "button", onclick: () => model.send_msg({kind: "like", id: item.id, minus})},
    icon(minus ? ICONS.minus : ICONS.plus), `${minus ? "Less" : "More"} like this`)
  let [shown, whole] = ["", null] // the picture stays when only what is told of it changes
  let coming = new AbortController() // whoever steps on does not wait for the one before
  const sheet = draw(model, ["item"], () => {
    const item = model.item
    if (!item.id) { shown = ""; coming.abort(); if (light.open) { light.close() }; return [] }
    const key = `${item.id} ${item.stamp}`
    const arriving = shown !== key
    if (arriving) {
      coming.abort()
      coming = new AbortController()
      ;[shown, whole] = [key, picture(item, large, coming.signal)]
    }
    return [h("section", {class: `sheet${arriving ? " arriving" : ""}`, "aria-label": `Details of ${item.label}`},
      h("div", {class: "row top"}, h("h2", {class: "grow", tabindex: "-1"}, item.label), step,
        square("Show on the map", ICONS.target, () => say("locate")),
        h("button", {class: "square", type: "button", title: "Close (Esc)", "aria-label": "Close details", onclick: () => say("close")}, icon(ICONS.close))),
      whole, path,
      h("div", {class: "row more"}, more(item, false), more(item, true)),
      h("div", {class: "row marks"}, choice, tagging),
      item.values.length > 0 && h("dl", {}, item.values.map(([name, known]) => [h("dt", {}, name), value(known)])),
      alike)]
  })
  covers(view.el, () => sheet.querySelector("h2"), () => Boolean(model.item.id), (look) => model.on("item", look))
  return h("div", {class: "root"}, sheet, light)
}
