// The images chosen: what to do with them, and a gallery that goes on while one scrolls. Without any: how to choose some.
const FORMATS = [["csv", "CSV table"], ["parquet", "Parquet table"], ["zip", "ZIP of originals"]]
const TAG = "M4 4h7l9 9-7 7-9-9zM8 8h.01"
const SAVE = "M12 4v11M7 11l5 5 5-5M5 20h14"
function render({model}) {
  const say = (kind, more = {}) => model.send_msg({kind, ...more})
  const part = (names, build) => draw(model, names, () => [build()].flat(), "part")
  const told = h("div", {class: "told muted", role: "status"})
  const tell = (text) => { told.textContent = text; clearTimeout(tell.timer); tell.timer = setTimeout(() => { told.textContent = "" }, 4000) }

  const menu = () => {
    const list = h("div", {class: "menu", role: "menu", hidden: true}, FORMATS.map(([format, label]) => h("button", {
      class: "entry", type: "button", role: "menuitem", onclick: () => { show(false); say("export", {format}); tell("The download starts…") }}, label)))
    const button = h("button", {class: "action", type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => show(list.hidden)},
      icon(SAVE), "Export", icon(ICONS.down))
    const show = (open) => {
      list.hidden = !open
      button.setAttribute("aria-expanded", String(open))
      if (open) { list.firstChild.focus() }
    }
    const keys = (event) => {
      const entries = [...list.children]
      const now = entries.indexOf(list.getRootNode().activeElement)
      const step = {ArrowDown: 1, ArrowUp: -1}[event.key]
      if (step && !list.hidden) { entries[(now + step + entries.length) % entries.length].focus() }
      else if (event.key === "Escape" && !list.hidden) { show(false); button.focus() }
      else { return }
      event.preventDefault()
      event.stopPropagation()
    }
    return h("div", {class: "drop", onkeydown: keys, onfocusout: (event) => { if (!event.currentTarget.contains(event.relatedTarget)) { show(false) } }}, button, list)
  }
  const heading = () => model.count > 0 ? h("div", {class: "row heading"},
    h("div", {class: "grow"}, h("h2", {}, `${counted(model.count)} chosen`),
      h("div", {class: "muted"}, model.ranked ? "nearest to the query first" : `of ${number(model.total)}`)),
    h("button", {class: "action", type: "button", onclick: () => say("zoom")}, icon(ICONS.target), "Zoom"),
    h("button", {class: "action quiet", type: "button", onclick: () => say("clear")}, "Clear"))
    : h("div", {class: "heading"}, h("h2", {}, "Nothing is chosen yet"),
      h("div", {class: "muted"}, "Draw on the map with the lasso", h("span", {class: "typed"}, " (", h("kbd", {}, "L"), ")"), " or the box",
        h("span", {class: "typed"}, " (", h("kbd", {}, "B"), ")"), " in its corner. With one in hand, choose whether to add or to take away.",
        h("span", {class: "typed"}, " Or hold ", h("kbd", {}, "Shift"), " to add, ", h("kbd", {}, "Alt"), " to take away; a click then is about one image.")))
  const wholes = () => model.count === 0 && h("div", {class: "block"}, h("h3", {}, "Or choose"), h("div", {class: "chips"},
    model.found > 0 && h("button", {class: "chip", type: "button", onclick: () => say("whole", {of: "results"})}, h("span", {}, `The ${number(model.found)} results`)),
    model.kept >= 0 && h("button", {class: "chip", type: "button", onclick: () => say("whole", {of: "kept"})}, h("span", {}, `The ${number(model.kept)} that pass the filters`)),
    model.kept < 0 && h("button", {class: "chip", type: "button", onclick: () => say("whole", {of: "all"})}, h("span", {}, `All ${number(model.total)}`))))
  const others = () => model.count > 0 && model.found > 0 && h("div", {class: "row wrap"},
    model.among === model.found && h("span", {class: "muted told"}, `All ${number(model.found)} results are chosen.`),
    [["add", "Add"], ["less", "Take away"]].filter(([how]) => how === "add" ? model.among < model.found : model.among > 0).map(([how, word]) => h("button", {class: "action quiet", type: "button", onclick: () => say("whole", {of: "results", how})},
      icon(how === "add" ? ICONS.plus : ICONS.minus), `${word} the ${number(model.found)} results`)))
  const known = () => model.count === 0 && model.known.length > 0 && h("div", {class: "block"}, h("h3", {}, "Tags"), h("div", {class: "chips"},
    model.known.map(([tag, n]) => h("button", {class: "chip", type: "button", title: tag, onclick: () => say("tagged", {tag})},
      h("span", {}, tag), h("span", {class: "muted"}, number(n))))))

  const names = h("datalist", {id: "known-tags"})
  const input = h("input", {class: "field", type: "text", maxlength: "200", placeholder: "Tag these images…", "aria-label": "Tag the chosen images", list: "known-tags", autocomplete: "off"})
  const give = (event) => { event.preventDefault(); if (input.value.trim()) { say("tag", {text: input.value}); input.value = "" } }
  const form = h("form", {class: "row tagging", onsubmit: give}, input, names, h("button", {class: "action", type: "submit"}, icon(TAG), "Tag"))
  const suggest = () => names.replaceChildren(...model.known.map(([tag]) => h("option", {value: tag})))
  const given = () => model.given.length > 0 && h("div", {class: "chips"}, model.given.map(([tag, n]) => h("span", {class: "chip tagged", title: tag},
    h("span", {}, tag), n < model.count && h("span", {class: "muted"}, number(n)),
    h("button", {class: "remove", type: "button", title: `Remove “${tag}” from the chosen images`, "aria-label": `Remove the tag ${tag} from the chosen images`, onclick: () => say("untag", {tag})}, icon(ICONS.close)))))
  const trouble = () => model.trouble && h("div", {class: "error", role: "alert"}, model.trouble)
  const copy = h("button", {class: "action", type: "button", onclick: () => say("export", {format: "ids"})}, icon(ICONS.copy), "Copy ids")
  const acts = h("div", {class: "block acts"}, h("div", {class: "row wrap"}, menu(), copy, told), part(["count", "found", "among"], others), form,
    draw(model, ["given", "count"], () => [given()], "part"), draw(model, ["trouble"], () => [trouble()], "part"))

  const card = (item) => {
    const score = item.similarity == null ? null : h("span", {class: "figures"}, h("span", {class: "score"}, item.similarity.toFixed(3)))
    return h("button", {
      class: `card${item.id === model.selected ? " on" : ""}`, type: "button", tabindex: "-1", "aria-label": item.label, title: item.label, "data-id": item.id,
      onclick: () => say("open", {id: item.id}), onmouseenter: () => say("point", {id: item.id}), onmouseleave: () => say("point", {id: null}),
    }, h("div", {class: "frame"}, h("img", {src: image_url("thumb", item), alt: "", loading: "lazy", decoding: "async", draggable: "false"})),
    h("div", {class: "caption"}, h("span", {class: "label"}, item.label)), score)
  }
  const grid = h("div", {class: "grid"})
  const rove = roving(grid)
  const end = h("div", {class: "end", "aria-hidden": "true"})
  let asked = -1
  const fill = () => {
    if (model.start === 0) { grid.replaceChildren(); asked = -1 }
    if (model.start !== grid.children.length) { return } // a page that was asked for twice, or for what was chosen before
    grid.append(...model.items.map(card))
    rove()
    follow()
  }
  const follow = () => { watch.unobserve(end); watch.observe(end) } // tells again, also where the end is in view still
  const watch = new IntersectionObserver(([seen]) => {
    const start = grid.children.length
    if (seen.isIntersecting && start < model.count && asked !== start) { asked = start; say("more", {start}) }
  }, {rootMargin: "600px"})
  const mark = () => grid.querySelectorAll(".card").forEach((el) => el.classList.toggle("on", el.dataset.id === model.selected))
  const act = () => acts.classList.toggle("gone", model.count === 0)
  const fetched = async () => {
    const {token, kind} = model.offered
    if (!token) { return }
    const url = `${base()}/export/${token}`
    if (kind !== "ids") { h("a", {href: url, download: ""}).click(); return }
    try {
      const answer = await fetch(url)
      if (!answer.ok) { throw new Error(answer.status) }
      if (!await copy_text(await answer.text())) { throw new Error("refused") }
      tell(`${number(model.count)} ${model.count === 1 ? "id" : "ids"} copied`)
    } catch { tell("The browser did not let the ids be copied") }
  }
  const root = h("div", {class: "root"}, h("div", {class: "contents"},
    part(["count", "total", "ranked"], heading), acts, part(["count", "found", "kept", "total"], wholes), part(["count", "known"], known), grid, end))
  model.on("turn", fill)
  model.on("known", suggest)
  model.on("selected", mark)
  model.on("count", act)
  model.on("offered", fetched)
  model.on("remove", () => watch.disconnect())
  suggest()
  act()
  if (model.start > 0) { say("more", {start: 0}) } else { fill() }
  return root
}
