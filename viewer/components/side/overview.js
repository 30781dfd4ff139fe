// The whole dataset in figures, and the files that cannot be read, a page at a time.
function render({model, view}) {
  const say = (kind, more = {}) => model.send_msg({kind, ...more})
  const bars = (title, rows) => {
    const most = Math.max(...rows.map(([, n]) => n), 1)
    return rows.length > 0 && h("section", {class: "block"}, h("h3", {}, title), h("div", {class: "bars"}, rows.map(([label, n]) => [
      h("span", {class: "name", title: label}, label), h("span", {class: "track"}, h("span", {class: "fill", style: `width:${Math.max(1, n / most * 100)}%`})),
      h("span", {class: "count"}, number(n))])))
  }
  const columns = (title, rows) => {
    const most = Math.max(...rows.map(([, n]) => n), 1)
    return rows.length > 1 && h("section", {class: "block"}, h("h3", {}, title),
      h("div", {class: "time", role: "img", "aria-label": `${title}: ${rows.map(([label, n]) => `${label} ${n}`).join(", ")}`},
        rows.map(([label, n]) => h("span", {class: "slot", title: `${label}: ${number(n)}`}, h("span", {style: `height:${Math.max(n > 0 ? 3 : 0, n / most * 100)}%`})))),
      h("div", {class: "row ends muted"}, h("span", {class: "grow"}, rows[0][0]), h("span", {}, rows.at(-1)[0])))
  }
  const pairs = (title, rows) => rows.length > 0 && h("section", {class: "block"}, h("h3", {}, title), h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])))
  const explained = (title, rows) => rows.length > 0 && h("section", {class: "block"}, h("h3", {}, title), h("dl", {}, rows.map(([name, value, meaning]) => [
    h("dt", {}, name), h("dd", {}, value, h("div", {class: "muted meaning"}, meaning))])))
  const when = new Intl.DateTimeFormat("en-GB", {dateStyle: "medium", timeStyle: "short"})
  const run = ({at, version, took, images, changes}) => h("li", {},
    h("div", {class: "row"}, h("time", {class: "grow", datetime: at}, when.format(new Date(at))), took && h("span", {class: "muted", title: "How long it took"}, took)),
    h("div", {class: "row muted"}, h("span", {class: "grow"}, changes.length === 0 ? h("span", {}, "No image came or went")
      : changes.map(([kind, words]) => h("span", {class: `change ${kind}`}, words))),
      h("span", {title: `Version ${version}`}, `${images == null ? "" : `${number(images)} images · `}${version.slice(0, 7)}`)))
  const history = (rows) => rows.length > 0 && h("section", {class: "block"}, h("h3", {}, rows.length === 1 ? "The last run" : "The last runs"), h("ul", {class: "runs"}, rows.map(run)))
  const about = draw(model, ["about", "lost"], () => {
    const {facts, layout, runs, formats, sizes, taken, columns: told} = model.about
    if (model.lost) { return [h("div", {class: "error", role: "alert"}, "The figures could not be made. The server's log says why.")] }
    if (!facts) { return [h("div", {class: "muted", role: "status"}, "Counting…")] }
    return [
      pairs("The dataset", facts), explained("The map", layout), bars("Formats", formats), bars("Longer side", sizes), columns("Taken", taken), history(runs),
      told.length > 0 && h("section", {class: "block"}, h("h3", {}, "Metadata"), h("table", {}, h("thead", {}, h("tr", {}, ["Column", "Type", "From", "Filled"].map((name) => h("th", {scope: "col"}, name)))),
        h("tbody", {}, told.map(([name, type, from, filled]) => h("tr", {}, h("td", {}, name), h("td", {class: "muted"}, type), h("td", {class: "muted"}, from), h("td", {class: "count"}, number(filled))))))),
    ]
  }, "about")
  const list = h("ul", {class: "failures"})
  const more = h("button", {class: "action", type: "button", onclick: () => say("more", {start: list.children.length})})
  const section = h("section", {class: "block", "aria-labelledby": "failures"}, h("h3", {id: "failures"}), list, more)
  const fill = () => {
    if (model.start === 0) { list.replaceChildren() }
    if (model.start !== list.children.length) { return }
    list.append(...model.failures.map(([file, reason]) => h("li", {}, h("div", {class: "file"}, file), h("div", {class: "muted"}, reason))))
    const rest = model.failed - list.children.length
    section.classList.toggle("gone", model.failed === 0)
    section.firstChild.textContent = `Files that cannot be read (${number(model.failed)})`
    more.classList.toggle("gone", rest <= 0)
    more.textContent = `Show more (${number(rest)} left)`
  }
  const head = draw(model, ["title"], () => [h("div", {class: "row top"}, h("h2", {class: "grow", tabindex: "-1"}, model.title),
    h("button", {class: "square", type: "button", title: "Close (Esc)", "aria-label": "Close the overview", onclick: () => say("close")}, icon(ICONS.close)))], "head")
  model.on("turn", fill)
  if (model.start > 0) { say("more", {start: 0}) } else { fill() }
  covers(view.el, () => head.querySelector("h2"), () => model.open, (look) => model.on("open", look))
  return h("div", {class: "root"}, h("section", {class: "sheet", "aria-label": "About the dataset"}, head, section, about))
}
