import { describe, expect, it } from "vitest"
import { Deadlines } from "../../src/internal/Deadlines.ts"

/** A clock that is moved by hand, and its timers. */
const clock = () => {
  let now = 0
  let timers: Array<{ readonly at: number; readonly callback: () => void }> = []
  return {
    now: () => now,
    schedule: (millis: number, callback: () => void) => {
      const timer = { at: now + millis, callback }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    get running() {
      return timers.length
    },
    advance: (millis: number) => {
      const end = now + millis
      for (;;) {
        const next = timers.toSorted((a, b) => a.at - b.at).find(({ at }) => at <= end)
        if (next === undefined) break
        timers = timers.filter((other) => other !== next)
        now = next.at
        next.callback()
      }
      now = end
    }
  }
}

describe("Deadlines", () => {
  it("come after their time, in the order in which they were started, and once", () => {
    const time = clock()
    const deadlines = new Deadlines(5_000, time)
    const due: Array<string> = []
    deadlines.start(() => due.push(`a at ${time.now()}`))
    time.advance(2_000)
    deadlines.start(() => due.push(`b at ${time.now()}`))
    time.advance(2_999)
    expect(due).toEqual([])
    time.advance(1)
    expect(due).toEqual(["a at 5000"])
    time.advance(60_000)
    expect(due).toEqual(["a at 5000", "b at 7000"])
  })

  it("do not come if they were stopped, wherever in the list they are, and however often", () => {
    const time = clock()
    const deadlines = new Deadlines(100, time)
    const due: Array<number> = []
    const started = [0, 1, 2, 3, 4].map((n) => deadlines.start(() => due.push(n)))
    for (const n of [2, 0, 4, 2]) started[n]?.stop()
    time.advance(1_000)
    expect(due).toEqual([1, 3])
    started[1]?.stop()
    deadlines.start(() => due.push(5))
    time.advance(1_000)
    expect(due).toEqual([1, 3, 5])
  })

  it("have one timer between them, which is gone a second after the last was stopped", () => {
    const time = clock()
    const deadlines = new Deadlines(30_000, time)
    for (let i = 0; i < 1_000; i++) deadlines.start(() => undefined).stop()
    const last = deadlines.start(() => undefined)
    expect(time.running).toBe(1)
    time.advance(20_000)
    expect(time.running).toBe(1)
    last.stop()
    time.advance(1_000)
    expect(time.running).toBe(0)
  })

  it("may stop and start others when they come", () => {
    const time = clock()
    const deadlines = new Deadlines(10, time)
    const due: Array<string> = []
    deadlines.start(() => {
      due.push("first")
      second.stop()
      deadlines.start(() => due.push("third"))
    })
    const second = deadlines.start(() => due.push("second"))
    time.advance(10)
    expect(due).toEqual(["first"])
    time.advance(10)
    expect(due).toEqual(["first", "third"])
  })

  it("never come if their time is infinite", () => {
    const time = clock()
    const deadline = new Deadlines(Number.POSITIVE_INFINITY, time).start(() => expect.unreachable())
    time.advance(1_000_000)
    expect(time.running).toBe(0)
    deadline.stop()
  })
})
