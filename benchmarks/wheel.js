// Turns the wheel over the map, step by step; gives the seconds until the picture of each step was there.
;async ({ steps, x, y }) => {
  const all = [...Bokeh.documents[0]._all_models.values()]
  const fig = all.find((m) => m.type === "Figure")
  const source = all.find((m) => m.type === "ColumnDataSource" && m.data.image)
  const pictured = () =>
    new Promise((done) => {
      const look = () => {
        if (Math.abs(source.data.x[0] / fig.x_range.start - 1) > 1e-9) {
          return
        }
        source.properties.data.change.disconnect(look)
        done(performance.now())
      }
      source.properties.data.change.connect(look)
    })
  let [target, root] = [null, document]
  while (root) {
    target = root.elementFromPoint(x, y)
    root = target?.shadowRoot
  }
  const waits = []
  for (let i = 0; i < steps; i++) {
    const started = performance.now()
    const arrived = pictured()
    const turned = { deltaY: i % 12 < 6 ? -120 : 120, clientX: x, clientY: y }
    target.dispatchEvent(
      new WheelEvent("wheel", { ...turned, bubbles: true, composed: true, cancelable: true }),
    )
    waits.push(((await arrived) - started) / 1000)
    await new Promise((done) => setTimeout(done, 250))
  }
  return waits
}
