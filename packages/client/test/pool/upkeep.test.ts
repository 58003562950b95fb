// Connections that come and go with time: how many are opened and how fast, which are checked, which end, and that a closing pool ends all.
import { assert, describe, it } from "vitest"
import { StubFiber, StubPool, unreachable, wrongPassword } from "./stubPool.ts"

describe("opening connections", () => {
  it("opens four at a time, never more than there are waiters, and never more than max", () => {
    const stub = new StubPool({ max: 6 })
    stub.exclusive()
    assert.strictEqual(stub.openings.length, 1, "the first attempt is alone")
    for (let i = 0; i < 9; i++) stub.exclusive()
    assert.strictEqual(stub.openings.length, 1)
    stub.open()
    assert.strictEqual(stub.openings.length, 4)
    stub.openAll()
    assert.deepStrictEqual(stub.counts, [0, 6, 4])
    const few = new StubPool({ max: 10 })
    few.warm(1)
    few.exclusive()
    for (let i = 0; i < 2; i++) few.exclusive()
    assert.strictEqual(few.openings.length, 2)
  })

  it("P-6: asks a server that is down at most twice a second, with jitter, and serves everybody when it is back", () => {
    const stub = new StubPool({ max: 10, acquireTimeout: 60_000 })
    const waiting = Array.from({ length: 1_000 }, () => stub.exclusive())
    const pauses = new Set<number>()
    while (stub.clock.now < 15_000) {
      if (stub.openings.length > 0) stub.fail(unreachable())
      assert.isAtMost(stub.openings.length, 1)
      stub.clock.advance(1)
    }
    for (const [index, at] of stub.attempts.entries()) {
      const before = stub.attempts[index - 1]
      if (before === undefined) continue
      assert.isAtLeast(at - before, 499)
      assert.isAtMost(at - before, 1_000)
      pauses.add(Math.round(at - before))
    }
    assert.isAbove(pauses.size, 10, "not in step with other pools")
    assert.isTrue(waiting.every((request) => request.isWaiting))
    const returned = stub.clock.now
    while (stub.openings.length === 0) stub.clock.advance(1)
    assert.isAtMost(stub.clock.now - returned, 1_000)
    while (stub.pool.waiting.size > 0) {
      stub.openAll()
      for (const request of waiting) if (request.line !== undefined && !request.ended) request.finish()
    }
    assert.isAtMost(stub.lines.length, 10)
    assert.isTrue(waiting.every(({ grants }) => grants === 1))
  })

  it("tells everybody who waits at once what is refused for good, and answers from memory for half a second", () => {
    const stub = new StubPool()
    const waiting = [stub.exclusive(), stub.shared(), stub.exclusive()]
    stub.fail(wrongPassword())
    for (const request of waiting) assert.strictEqual(request.reason, "AuthenticationFailed")
    assert.strictEqual(stub.exclusive().reason, "AuthenticationFailed")
    assert.lengthOf(stub.attempts, 1, "a server counts failed passwords")
    stub.clock.advance(10_000)
    assert.lengthOf(stub.attempts, 1, "nobody asks")
    const anew = stub.exclusive()
    assert.lengthOf(stub.attempts, 2)
    stub.open()
    assert.isDefined(anew.line)
  })

  it("P-8: keeps serving with what it has when the server takes no more connections", () => {
    const stub = new StubPool({ max: 3, acquireTimeout: 60_000 })
    stub.warm(1)
    const holder = stub.exclusive()
    const waiting = [stub.exclusive(), stub.exclusive()]
    for (let i = 0; i < 5; i++) {
      if (stub.openings.length > 0) stub.fail(wrongPassword())
      stub.clock.advance(1_000)
    }
    assert.isTrue(
      waiting.every((request) => request.isWaiting),
      "not even by a final refusal"
    )
    holder.finish()
    assert.isDefined(waiting[0]?.line)
    waiting[0]?.finish()
    assert.isDefined(waiting[1]?.line)
  })

  it("pauses when connections end as soon as they are there", () => {
    const stub = new StubPool({ max: 10 })
    stub.warm(1)
    stub.lines[0]?.kill()
    for (let i = 0; i < 2; i++) {
      const request = stub.exclusive()
      request.finish()
      stub.open().kill()
    }
    const request = stub.exclusive()
    assert.lengthOf(stub.openings, 0)
    stub.clock.advance(900)
    assert.lengthOf(stub.openings, 1)
    stub.open()
    assert.isDefined(request.line)
  })

  it("opens one at a time after a connection was lost: maybe all are about to be", () => {
    const stub = new StubPool({ max: 10 })
    stub.warm(5)
    const holders = Array.from({ length: 5 }, () => stub.exclusive())
    holders[0]?.line?.kill()
    for (let i = 0; i < 5; i++) stub.exclusive()
    assert.lengthOf(stub.openings, 1)
    stub.open()
    assert.lengthOf(stub.openings, 4)
  })
})

describe("connections in the course of time", () => {
  it("P-3: removes an idle connection that ends, at once, and opens another when somebody asks", () => {
    const stub = new StubPool()
    const [line] = stub.warm(1)
    line?.kill()
    assert.deepStrictEqual(stub.counts, [0, 0, 0])
    const request = stub.exclusive()
    stub.open()
    assert.isDefined(request.line)
  })

  it("P-3: does not hand over a connection whose server has said its last word, though the socket is still there", () => {
    const stub = new StubPool({ max: 2 })
    const [line] = stub.warm(1)
    if (line !== undefined) line.lastReport = "57P01"
    const request = stub.exclusive()
    assert.isTrue(line?.destroyed)
    stub.open()
    assert.notStrictEqual(request.line, line)
  })

  it("P-5: checks a connection that was quiet for checkAfter before somebody gets it, and only then", () => {
    const stub = new StubPool({ max: 1, checkAfter: 30_000 })
    const [line] = stub.warm(1)
    stub.clock.advance(20_000)
    const soon = stub.exclusive()
    assert.isDefined(soon.line)
    soon.finish()
    stub.clock.advance(40_000)
    const late = stub.exclusive()
    assert.isTrue(late.isWaiting)
    assert.strictEqual(line?.pending?.what, "check")
    line?.complete()
    assert.strictEqual(late.line, line)
  })

  it("P-5: checks also a connection that nobody has used since it was opened", () => {
    const stub = new StubPool({ max: 2 })
    stub.exclusive().finish()
    const line = stub.open()
    stub.clock.advance(60_000)
    const request = stub.exclusive()
    assert.strictEqual(line.pending?.what, "check")
    assert.lengthOf(stub.openings, 0, "one check serves one waiter")
    line.complete()
    assert.strictEqual(request.line, line)
  })

  it("P-5: replaces a connection that does not answer the check", () => {
    const stub = new StubPool({ max: 1 })
    const [line] = stub.warm(1)
    stub.clock.advance(60_000)
    const request = stub.exclusive()
    line?.complete(false)
    assert.isTrue(line?.destroyed)
    assert.strictEqual(stub.open(), request.line)
  })

  it("P-9: ends a connection at its age, never under a lease", () => {
    const stub = new StubPool({ max: 1, maxLifetime: 60_000, idleTimeout: 1e9, checkAfter: 1e9 })
    const [line] = stub.warm(1)
    const holder = stub.exclusive()
    stub.clock.advance(120_000)
    assert.strictEqual(holder.line, line)
    assert.isUndefined(line?.closed)
    holder.finish()
    assert.strictEqual(line?.pending?.what, "close")
    line?.complete()
    assert.deepStrictEqual(stub.counts, [0, 0, 0])
  })

  it("P-9: ends connections of one age one after the other: there is no cliff", () => {
    const stub = new StubPool({ max: 50, maxLifetime: 1_800_000, idleTimeout: 1e9, checkAfter: 1e9 })
    const lines = stub.warm(50)
    const ends: Array<number> = []
    while (stub.clock.now < 1_900_000) {
      stub.clock.advance(5_000)
      for (const line of lines) {
        if (line.pending?.what !== "close") continue
        line.complete()
        ends.push(stub.clock.now)
      }
    }
    assert.lengthOf(ends, 50)
    for (const end of ends) {
      assert.isAtLeast(end, 0.9 * 1_800_000)
      assert.isAtMost(end, 1_800_000 + 5_000)
    }
    const most = Math.max(...ends.map((end) => ends.filter((other) => Math.abs(other - end) < 5_000).length))
    assert.isBelow(most, 12, "not many within five seconds")
  })

  it("P-10: ends idle connections above min at idleTimeout, the least recently used first, and keeps min", () => {
    const stub = new StubPool({ min: 2, max: 5, idleTimeout: 60_000, checkAfter: 1e9 })
    stub.warm(5)
    assert.deepStrictEqual(stub.counts, [5, 0, 0])
    stub.clock.advance(50_000)
    const used = stub.exclusive()
    used.finish()
    stub.clock.advance(20_000)
    const closing = stub.lines.filter(({ pending }) => pending?.what === "close")
    assert.lengthOf(closing, 3)
    assert.notInclude(closing, used.line)
    for (const line of closing) line.complete()
    stub.clock.advance(600_000)
    assert.deepStrictEqual(stub.counts, [2, 0, 0])
  })

  it("P-10: opens again up to min what was lost", () => {
    const stub = new StubPool({ min: 2, max: 5 })
    stub.pool.fill()
    stub.openAll()
    assert.deepStrictEqual(stub.counts, [2, 0, 0])
    stub.lines[0]?.kill()
    stub.clock.advance(5_000)
    assert.lengthOf(stub.openings, 1)
    stub.openAll()
    assert.deepStrictEqual(stub.counts, [2, 0, 0])
  })

  it("P-17: reports a lease that nobody has used for a minute while others wait, once, with its holder", () => {
    const stub = new StubPool({ max: 1, acquireTimeout: Number.POSITIVE_INFINITY })
    stub.warm(1)
    const holder = stub.exclusive(new StubFiber("#42"), "exportInvoices")
    stub.clock.advance(120_000)
    assert.lengthOf(stub.warnings, 0, "nobody waits")
    stub.exclusive()
    stub.clock.advance(55_000)
    assert.lengthOf(stub.warnings, 0)
    if (holder.line !== undefined) holder.line.latest = { name: "lockRow", sql: "SELECT 1", definedAt: "src/b.ts:7" }
    stub.clock.advance(600_000)
    assert.lengthOf(stub.warnings, 1)
    const [warning] = stub.warnings
    assert.match(
      warning ?? "",
      /^pgfx: #42 \(span exportInvoices\) has held a connection for 18\d s without using it for 60 s/
    )
    assert.include(warning, '"lockRow", defined at src/b.ts:7')
  })

  it("is replaced after a refresh: idle ones at once, used ones at their release, those on their way on arrival", () => {
    const stub = new StubPool({ max: 3 })
    const [one, two] = stub.warm(2)
    const holder = stub.exclusive()
    const idle = holder.line === one ? two : one
    stub.exclusive()
    stub.exclusive()
    assert.lengthOf(stub.openings, 1)
    stub.pool.refresh()
    const old = stub.open()
    assert.strictEqual(old.pending?.what, "close")
    old.complete()
    assert.lengthOf(stub.openings, 1, "somebody still waits")
    assert.isUndefined(holder.line?.closed)
    holder.finish()
    assert.strictEqual(holder.line?.pending?.what, "close")
    assert.isDefined(idle)
    const fresh = stub.open()
    assert.isUndefined(fresh.closed)
  })
})

describe("a pool that closes", () => {
  it("P-7: refuses those who wait and those who come, lets those who hold a connection finish", () => {
    const stub = new StubPool({ max: 12 })
    stub.warm(12)
    const holders = Array.from({ length: 11 }, () => stub.exclusive())
    const last = stub.shared("SELECT slow")
    const waiting = Array.from({ length: 50 }, () => stub.shared())
    assert.isTrue(waiting.every((request) => request.isWaiting))
    let empty = 0
    stub.pool.close()
    stub.pool.onEmpty(() => empty++)
    assert.isTrue(waiting.every(({ reason }) => reason === "PoolClosed"))
    assert.strictEqual(stub.exclusive().reason, "PoolClosed")
    assert.strictEqual(stub.shared().reason, "PoolClosed")
    stub.pool.close()
    for (const { line } of [...holders, last]) assert.isUndefined(line?.closed)
    last.line?.answer()
    for (const request of holders) request.finish(true)
    assert.strictEqual(empty, 0)
    for (const line of stub.lines) assert.strictEqual(line.pending?.what, "close", "not even reset")
    for (const line of stub.lines) line.complete()
    assert.strictEqual(empty, 1)
    assert.strictEqual(stub.clock.pending, 0, "no timers")
  })

  it("P-20: gives up the connections on their way, and calls back when the last one is gone", () => {
    const stub = new StubPool()
    stub.warm(1)
    for (let i = 0; i < 4; i++) stub.exclusive()
    assert.lengthOf(stub.openings, 3)
    let empty = false
    stub.pool.close()
    assert.lengthOf(stub.openings, 0)
    stub.pool.onEmpty(() => {
      empty = true
    })
    assert.isFalse(empty)
    for (const { line } of stub.pool.members.all) line.kill()
    assert.isTrue(empty)
    assert.strictEqual(stub.clock.pending, 0)
  })

  it("waits neither for checks nor for resets", () => {
    const stub = new StubPool({ max: 2, checkAfter: 0 })
    const [first, second] = stub.warm(2)
    stub.clock.advance(10_000)
    const reset = stub.exclusive()
    second?.complete()
    assert.strictEqual(reset.line, second)
    reset.finish(true)
    assert.strictEqual(second?.pending?.what, "reset")
    stub.exclusive()
    assert.strictEqual(first?.pending?.what, "check")
    stub.pool.close()
    assert.strictEqual(first?.pending?.what, "close")
    assert.strictEqual(second?.pending?.what, "close")
  })

  it("waits for the end of what was interrupted, so that it does not run on for nobody", () => {
    const stub = new StubPool({ max: 1 })
    stub.warm(1)
    const holder = stub.exclusive()
    const { line } = holder
    if (line === undefined) return assert.fail("no connection")
    line.inFlight = 1
    line.hold()
    holder.finish()
    stub.pool.close()
    assert.isUndefined(line.closed)
    line.release()
    assert.strictEqual(line.pending?.what, "close")
  })
})
