// Says when a version that is ready may be taken: at once where nobody looks or moves, else in the next pause. Shows nothing.
const PAUSE = 500 // milliseconds without a movement are a pause
const LONGEST = 2000 // whoever moves without a pause is not waited for longer than this ...
const HELD = 15000 // ... but for whoever holds a button down, as in a drag
const EVENTS = ["pointermove", "pointerdown", "pointerup", "pointercancel", "wheel"]
function render({model}) {
  let [held, moved, since, timer] = [false, -Infinity, null, null]
  const quiet = (now) => document.hidden || now - since > HELD || (!held && (now - moved > PAUSE || now - since > LONGEST))
  const check = () => {
    clearTimeout(timer)
    if (!model.ready) { since = null; return }
    since ??= performance.now()
    if (!quiet(performance.now())) { timer = setTimeout(check, 100); return }
    since = null
    model.send_msg({kind: "take"})
  }
  const listen = (event) => { moved = performance.now(); held = event.buttons > 0 }
  EVENTS.forEach((name) => document.addEventListener(name, listen, {capture: true, passive: true}))
  document.addEventListener("visibilitychange", check)
  model.on("ready", check)
  model.on("remove", () => {
    clearTimeout(timer)
    EVENTS.forEach((name) => document.removeEventListener(name, listen, {capture: true}))
    document.removeEventListener("visibilitychange", check)
  })
  check()
  return h("div", {hidden: true})
}
