import assert from "node:assert/strict"
import { test } from "node:test"
import { afterPause, batched } from "../../../viewer/components/timing.js"

test("calls of one task are put together", async () => {
  let count = 0
  const call = batched(() => {
    count += 1
  })
  call()
  call()
  assert.equal(count, 0)
  await Promise.resolve()
  assert.equal(count, 1)
  call()
  await Promise.resolve()
  assert.equal(count, 2)
})

test("a call during the run is another run", () => {
  /** @type {(() => void)[]} */
  const scheduled = []
  let count = 0
  const call = batched(
    () => {
      count += 1
      if (count === 1) {
        call()
      }
    },
    (run) => scheduled.push(run),
  )
  call()
  scheduled.shift()?.()
  assert.deepEqual([count, scheduled.length], [1, 1])
  scheduled.shift()?.()
  assert.deepEqual([count, scheduled.length], [2, 0])
})

test("a call waits until nobody has asked for it for some time", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  let count = 0
  const call = afterPause(() => {
    count += 1
  }, 180)
  call()
  t.mock.timers.tick(179)
  call()
  t.mock.timers.tick(179)
  assert.equal(count, 0)
  t.mock.timers.tick(1)
  assert.equal(count, 1)
})
