// Who listens to what over the one session, without a session: LISTEN and UNLISTEN as they would be written.
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { ExchangeFailure } from "../../src/internal/exchange/Exchange.ts"
import { Listener, type SessionEvents } from "../../src/internal/notification/Listener.ts"
import { Subscription } from "../../src/internal/notification/Subscription.ts"

const lost = { _tag: "ConnectionClosed", reason: { _tag: "Closed" }, sent: true } as const
const refused: ExchangeFailure = {
  _tag: "Reported",
  fields: { severity: "ERROR", code: "25006", message: "cannot execute LISTEN during recovery" }
}

const subscriptionTo = (channel: string, heals = true) =>
  new Subscription({
    channel,
    heals,
    capacity: 10,
    statement: { name: undefined, sql: `LISTEN ${channel}`, definedAt: "unknown" }
  })

/** Sessions that do what they are told when the test says so. */
class Sessions {
  readonly written: Array<string> = []
  events: SessionEvents | undefined = undefined
  opened = 0
  stopped = 0
  private readonly pending: Array<(failure: ExchangeFailure | undefined) => void> = []

  readonly keep = (events: SessionEvents) => {
    this.opened++
    this.events = events
    return { stop: () => void this.stopped++ }
  }
  open(): void {
    this.events?.opened((sql, settled) => {
      this.written.push(sql)
      this.pending.push(settled)
    })
  }
  answerOne(failure?: ExchangeFailure): void {
    this.pending.shift()?.(failure)
  }
  /** Answers all that was written. */
  answer(failure?: ExchangeFailure): void {
    for (const settled of this.pending.splice(0)) settled(failure)
  }
  notify(channel: string, payload: string): void {
    this.events?.received({ _tag: "NotificationResponse", processId: 1, channel, payload })
  }
}

const texts = (subscription: Subscription): ReadonlyArray<string> =>
  subscription.take().map((item) => (item._tag === "Listening" ? (item.gap ? "gap" : "listening") : item.payload))

describe("a listener", () => {
  it("opens a session for the first subscriber and ends it with the last (N-12)", () => {
    const sessions = new Sessions()
    const listener = new Listener(sessions.keep)
    const leaveA = listener.subscribe(subscriptionTo("a"))
    const leaveB = listener.subscribe(subscriptionTo("b"))
    sessions.open()
    assert.deepStrictEqual(sessions.written, ['LISTEN "a"', 'LISTEN "b"'])
    leaveA()
    leaveA()
    assert.deepStrictEqual(sessions.written, ['LISTEN "a"', 'LISTEN "b"', 'UNLISTEN "a"'])
    assert.strictEqual(sessions.stopped, 0)
    leaveB()
    assert.deepStrictEqual([sessions.opened, sessions.stopped], [1, 1])
    listener.subscribe(subscriptionTo("a"))
    assert.strictEqual(sessions.opened, 2)
  })

  it("writes LISTEN once for all subscribers of a channel, and tells each when it is in effect", () => {
    const sessions = new Sessions()
    const listener = new Listener(sessions.keep)
    const [first, second, third] = [subscriptionTo("a"), subscriptionTo("a"), subscriptionTo("a")]
    listener.subscribe(first)
    sessions.open()
    listener.subscribe(second)
    assert.deepStrictEqual([texts(first), texts(second)], [[], []])
    sessions.answer()
    listener.subscribe(third)
    sessions.notify("a", "1")
    sessions.notify("b", "2")
    for (const each of [first, second, third]) assert.deepStrictEqual(texts(each), ["listening", "1"])
    assert.deepStrictEqual(sessions.written, ['LISTEN "a"'])
  })

  it("listens to all channels again when a session follows another, names quoted as at first (N-1, N-8)", () => {
    const sessions = new Sessions()
    const listener = new Listener(sessions.keep)
    const names = ["plain", "$$", 'a"; DROP TABLE x; --', "fooBar"]
    const subscriptions = names.map((name) => subscriptionTo(name))
    for (const each of subscriptions) listener.subscribe(each)
    sessions.open()
    sessions.answer()
    const first = sessions.written.splice(0)
    assert.isTrue(sessions.events?.lost(lost))
    sessions.open()
    sessions.answer()
    assert.deepStrictEqual(sessions.written, first)
    assert.include(first, 'LISTEN "a""; DROP TABLE x; --"')
    for (const each of subscriptions) assert.deepStrictEqual(texts(each), ["gap"])
  })

  it("asks for no other session when only those were listening that fail on a loss", () => {
    const sessions = new Sessions()
    const listener = new Listener(sessions.keep)
    const strict = subscriptionTo("a", false)
    const leave = listener.subscribe(strict)
    sessions.open()
    sessions.answer()
    assert.isFalse(sessions.events?.lost(lost))
    assert.strictEqual(strict.hasFailed, true)
    leave()
    assert.strictEqual(sessions.stopped, 0, "it has ended by itself")
    listener.subscribe(subscriptionTo("a"))
    assert.strictEqual(sessions.opened, 2)
  })

  it("fails the subscribers of a channel that the server refuses, and no others", () => {
    const sessions = new Sessions()
    const listener = new Listener(sessions.keep)
    const [good, bad] = [subscriptionTo("good"), subscriptionTo("bad")]
    listener.subscribe(good)
    sessions.open()
    sessions.answer()
    listener.subscribe(bad)
    sessions.answer(refused)
    assert.deepStrictEqual(texts(good), ["listening"])
    assert.strictEqual(bad.ended, refused)
    assert.isFalse(good.hasFailed)
  })

  it("does not take the answer to an earlier LISTEN for the answer to a later one", () => {
    const sessions = new Sessions()
    const listener = new Listener(sessions.keep)
    listener.subscribe(subscriptionTo("other"))
    sessions.open()
    sessions.answer()
    const [early, late] = [subscriptionTo("a"), subscriptionTo("a")]
    listener.subscribe(early)()
    listener.subscribe(late)
    assert.deepStrictEqual(sessions.written.slice(1), ['LISTEN "a"', 'UNLISTEN "a"', 'LISTEN "a"'])
    sessions.answerOne(refused)
    sessions.answer()
    sessions.notify("a", "heard")
    assert.deepStrictEqual(texts(late), ["listening", "heard"])
  })

  it("hears nothing of a session that it has ended", () => {
    const sessions = new Sessions()
    const listener = new Listener(sessions.keep)
    listener.subscribe(subscriptionTo("a"))()
    const old = sessions.events
    const later = subscriptionTo("a")
    listener.subscribe(later)
    old?.received({ _tag: "NotificationResponse", processId: 1, channel: "a", payload: "old" })
    assert.isFalse(old?.lost(lost))
    old?.failed(refused)
    sessions.open()
    sessions.answer()
    assert.deepStrictEqual(texts(later), ["listening"])
  })

  it("fails all who listen when it is closed, and whoever comes later", () => {
    const sessions = new Sessions()
    const listener = new Listener(sessions.keep)
    const [before, after] = [subscriptionTo("a"), subscriptionTo("a")]
    listener.subscribe(before)
    listener.close(lost)
    listener.subscribe(after)
    assert.deepStrictEqual([before.ended, after.ended], [lost, lost])
    assert.deepStrictEqual([sessions.opened, sessions.stopped], [1, 1])
  })

  it("listens on the server to exactly what somebody is subscribed to, whatever the order of comings, goings and losses", () => {
    const steps = fc.array(
      fc.record({
        what: fc.constantFrom("subscribe", "subscribe", "leave", "leave", "answer", "lose"),
        channel: fc.constantFrom("a", "b", "c"),
        heals: fc.boolean()
      }),
      { maxLength: 60 }
    )
    fc.assert(
      fc.property(steps, (course) => {
        const sessions = new Sessions()
        const listener = new Listener(sessions.keep)
        const present: Array<{ readonly subscription: Subscription; readonly leave: () => void }> = []
        let [opened, stopped] = [0, 0]
        for (const { channel, heals, what } of course) {
          if (what === "subscribe") {
            const subscription = subscriptionTo(channel, heals)
            present.push({ subscription, leave: listener.subscribe(subscription) })
          }
          if (what === "leave") present.splice(0, 1).forEach(({ leave }) => leave())
          if (what === "answer") sessions.answer()
          const isOpen = sessions.opened > opened
          if (what === "lose" && !isOpen && sessions.opened > 0 && stopped === sessions.stopped) {
            sessions.answer(lost)
            sessions.written.length = 0
            if (sessions.events?.lost(lost) === true) sessions.open()
          }
          if (isOpen || sessions.stopped > stopped) {
            sessions.written.length = 0
            if (isOpen && sessions.opened > sessions.stopped) sessions.open()
            opened = sessions.opened
            stopped = sessions.stopped
          }
        }
        const onServer = new Set<string>()
        for (const sql of sessions.written) {
          const [verb, name = ""] = sql.split(" ")
          if (verb === "LISTEN") onServer.add(name)
          else onServer.delete(name)
        }
        const wanted = present
          .filter(({ subscription }) => !subscription.hasFailed)
          .map((s) => `"${s.subscription.channel}"`)
        for (const name of wanted) assert.isTrue(onServer.has(name), `${name} is not listened to`)
        for (const name of onServer)
          assert.include(
            present.map((s) => `"${s.subscription.channel}"`),
            name
          )
        sessions.answer()
        for (const { subscription } of present) {
          if (subscription.hasFailed) continue
          subscription.take()
          sessions.notify(subscription.channel, "heard")
          assert.include(texts(subscription), "heard")
        }
      }),
      { numRuns: 1_000 }
    )
  })
})
