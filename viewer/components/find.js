// The first element below `root` that has a class, through every shadow root.
const inside = (root, name) => {
  for (const el of root.querySelectorAll("*")) {
    if (el.classList.contains(name)) { return el }
    const found = el.shadowRoot && inside(el.shadowRoot, name)
    if (found) { return found }
  }
  return null
}
