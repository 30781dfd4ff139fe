// Combines or delays calls.

/**
 * Return a function that combines calls: however often it is called, `call` runs once, at the time that
 * `schedule` picks. By default that is the end of the current task, so that all changes of one message from
 * the server are handled together.
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
 * Return a function that delays a call until it has not been requested for some time.
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
