// What a subscriber is shown, whatever comes in which order: nothing twice, nothing out of order, and nothing missing without a mark.
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Subscription, type SubscriptionItem } from "../../src/internal/notification/Subscription.ts"

const statement = { name: undefined, sql: 'LISTEN "numbers"', definedAt: "unknown" }
const lost = { _tag: "ConnectionClosed", reason: { _tag: "Closed" }, sent: true } as const
const make = (heals: boolean, capacity: number) => new Subscription({ channel: "numbers", heals, capacity, statement })
const message = (n: number) =>
  ({ _tag: "NotificationResponse", processId: 1, channel: "numbers", payload: `${n}` }) as const

const shown = (items: ReadonlyArray<SubscriptionItem>): string =>
  items.map((item) => (item._tag === "Listening" ? (item.gap ? "gap" : "listening") : item.payload)).join(" ")

/** What happens to a subscription. `send`: somebody notifies, which is heard only while there is a session. */
type Happening = "open" | "confirm" | "lose" | "send" | "take"
const happenings = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant<Happening>("send") },
    { weight: 2, arbitrary: fc.constantFrom<Happening>("open", "confirm", "lose", "take") }
  ),
  { maxLength: 200 }
)

/** A server, as seen by one subscription: LISTEN is written when the session opens, in effect then, and confirmed later. */
const play = (subscription: Subscription, capacity: number, course: ReadonlyArray<Happening>) => {
  const items: Array<SubscriptionItem> = []
  let session: "none" | "written" | "confirmed" = "none"
  let sent = 0
  let wasConfirmed = false
  /** what the subscription has a right to, or to a mark in its place */
  const owed = new Set<number>()
  const take = (): void => {
    const taken = subscription.take()
    assert.isAtMost(taken.filter(({ _tag }) => _tag === "NotificationResponse").length, capacity)
    items.push(...taken)
  }
  for (const happening of [...course, "open", "confirm", "take"] as const) {
    switch (happening) {
      case "open":
        if (session === "none") session = "written"
        break
      case "confirm":
        if (session !== "written") break
        session = "confirmed"
        wasConfirmed = true
        subscription.confirmed()
        break
      case "lose":
        if (session === "none") break
        session = "none"
        subscription.lost(lost)
        break
      case "send": {
        const n = ++sent
        if (wasConfirmed) owed.add(n)
        if (session !== "none") subscription.receive(message(n))
        break
      }
      case "take":
        take()
    }
  }
  return { items, owed, sent }
}

describe("a subscription that heals", () => {
  it("shows what it has a right to, in order, or a mark of a gap in its place, whatever happens", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), happenings, (capacity, course) => {
        const { items, owed, sent } = play(make(true, capacity), capacity, course)
        let last = 0
        let marked = false
        const accountFor = (upTo: number): void => {
          for (let n = last + 1; n < upTo; n++)
            assert.isTrue(marked || !owed.has(n), `${n} is missing: ${shown(items)}`)
        }
        assert.strictEqual(items[0]?._tag, "Listening", "LISTEN is in effect before the first message is shown")
        for (const item of items) {
          if (item._tag === "Listening") {
            marked ||= item.gap
            continue
          }
          const n = Number(item.payload)
          assert.isAbove(n, last)
          accountFor(n)
          last = n
          marked = false
        }
        accountFor(sent + 1)
      }),
      { numRuns: 2_000 }
    )
  })

  it("drops the oldest when it is full, and marks the gap where they were", () => {
    const subscription = make(true, 3)
    subscription.confirmed()
    for (let n = 1; n <= 5; n++) subscription.receive(message(n))
    assert.strictEqual(shown(subscription.take()), "gap 3 4 5")
    subscription.receive(message(6))
    assert.strictEqual(shown(subscription.take()), "6", "what is taken makes room")
  })

  it("shows what came before a loss, then the mark, then what came after", () => {
    const subscription = make(true, 10)
    subscription.confirmed()
    subscription.receive(message(1))
    subscription.lost(lost)
    subscription.receive(message(3)) // LISTEN of the new session has run, and its answer is on the way
    assert.strictEqual(shown(subscription.take()), "listening 1")
    subscription.confirmed()
    assert.strictEqual(shown(subscription.take()), "gap 3")
  })

  it("has room again for what it forgot in a loss", () => {
    const subscription = make(true, 2)
    subscription.confirmed()
    for (let round = 0; round < 5; round++) {
      subscription.lost(lost)
      subscription.receive(message(round))
    }
    subscription.receive(message(5))
    subscription.confirmed()
    assert.strictEqual(shown(subscription.take()), "gap 4 5")
  })

  it("keeps one mark of several losses in a row, however long nobody looks", () => {
    const subscription = make(true, 10)
    for (let n = 0; n < 1_000; n++) {
      subscription.confirmed()
      subscription.lost(lost)
    }
    subscription.confirmed()
    assert.strictEqual(shown(subscription.take()), "gap")
  })

  it("takes a million messages that nobody takes from it, and keeps no more than it may (N-10)", () => {
    const subscription = make(true, 4_096)
    subscription.confirmed()
    for (let n = 1; n <= 1_000_000; n++) subscription.receive(message(n))
    const [mark, first, ...rest] = subscription.take()
    assert.deepStrictEqual(mark, { _tag: "Listening", gap: true })
    assert.deepStrictEqual(first, message(1_000_000 - 4_095))
    assert.strictEqual(rest.length, 4_095)
  })

  it("keeps one message if it is told a number that is none", () => {
    for (const capacity of [Number.NaN, 0, -1]) {
      const subscription = make(true, capacity)
      subscription.confirmed()
      for (let n = 1; n <= 10; n++) subscription.receive(message(n))
      assert.deepStrictEqual(subscription.take(), [{ _tag: "Listening", gap: true }, message(10)])
    }
  })
})

describe("a subscription that must miss nothing", () => {
  it("shows everything up to the first thing it may have missed, then fails", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), happenings, (capacity, course) => {
        const subscription = make(false, capacity)
        const { items, owed } = play(subscription, capacity, course)
        let last: number | undefined = undefined
        for (const item of items) {
          if (item._tag === "Listening") {
            assert.isFalse(item.gap)
            continue
          }
          const n = Number(item.payload)
          // before LISTEN is confirmed nothing is owed: the first may be any
          if (last !== undefined) assert.strictEqual(n, last + 1)
          last = n
        }
        const missed = [...owed].some((n) => last === undefined || n > last)
        if (missed) assert.isTrue(subscription.hasFailed)
      }),
      { numRuns: 2_000 }
    )
  })

  it("gives out what it has kept before it tells that it was too slow (N-10)", () => {
    const subscription = make(false, 2)
    subscription.confirmed()
    for (let n = 1; n <= 5; n++) subscription.receive(message(n))
    assert.isUndefined(subscription.ended)
    assert.strictEqual(shown(subscription.take()), "listening 1 2")
    assert.deepStrictEqual(subscription.ended, { _tag: "Behind", undelivered: 2 })
  })

  it("fails with the reason for which its session went, once", () => {
    const subscription = make(false, 2)
    subscription.confirmed()
    subscription.lost(lost)
    subscription.confirmed()
    subscription.receive(message(1))
    assert.strictEqual(shown(subscription.take()), "listening")
    assert.strictEqual(subscription.ended, lost)
  })
})

describe("waiting for a subscription", () => {
  it("calls back once per wait, at once if there is something, and not after it was taken back", () => {
    const subscription = make(true, 2)
    let calls = 0
    subscription.onChange(() => calls++)
    assert.strictEqual(calls, 0)
    subscription.confirmed()
    subscription.receive(message(1))
    assert.strictEqual(calls, 1)
    subscription.onChange(() => calls++)
    assert.strictEqual(calls, 2)
    subscription.take()
    subscription.onChange(() => calls++)()
    subscription.receive(message(2))
    assert.strictEqual(calls, 2)
  })
})
