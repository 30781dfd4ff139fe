// Calls that are put together or put off.

/**
 * Put calls together: however often the result is called, `call` runs once, when `schedule` lets it. By default that is
 * at the end of the present task, which takes all changes of one message from the server together.
 *
 * @param {() => void} call
 * @param {(run: () => void) => void} schedule
 * @returns {() => void}
 */
export function batched(call, schedule = queueMicrotask) {
  let waiting = false
  const run = () => {
    waiting = false
    call()
  }
  return () => {
    if (!waiting) {
      waiting = true
      schedule(run)
    }
  }
}

/**
 * Put a call off until nobody has asked for it for some time.
 *
 * @param {() => void} call
 * @param {number} milliseconds
 * @returns {() => void}
 */
export function afterPause(call, milliseconds) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  return () => {
    clearTimeout(timer)
    timer = setTimeout(call, milliseconds)
  }
}
