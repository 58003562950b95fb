// Who waits for a connection, for how long, and what he is told if he does not get one: the pool's decisions on a clock of the test's.
import { PostgresError } from "pgfx"
import { assert, describe, it } from "vitest"
import { randomFrom, type Request, StubFiber, type StubLine, StubPool, unreachable } from "./stubPool.ts"

const errorOf = ({ refusal }: Request): PostgresError => {
  if (refusal?._tag !== "NotLeased") return assert.fail("it was not refused")
  return refusal.error
}

const lineOf = ({ line }: Request): StubLine => line ?? assert.fail("it has no connection")

describe("waiting for a connection", () => {
  it("P-14: serves those who need one alone in the order in which they came", () => {
    const stub = new StubPool({ max: 1 })
    stub.warm(1)
    const first = stub.exclusive()
    const waiting = Array.from({ length: 20 }, () => stub.exclusive())
    first.finish()
    for (const [index, request] of waiting.entries()) {
      assert.isDefined(request.line)
      for (const later of waiting.slice(index + 1)) assert.isTrue(later.isWaiting)
      request.finish()
    }
    assert.deepStrictEqual(stub.counts, [1, 0, 0])
  })

  it("P-14: serves 10,000 with random interrupts, and nobody waits longer than those before him take", () => {
    const stub = new StubPool({ max: 10 })
    const random = randomFrom(14)
    stub.warm(10)
    const holders = Array.from({ length: 10 }, () => stub.exclusive())
    const waiting = Array.from({ length: 10_000 }, () => stub.exclusive())
    const held = holders.slice()
    let next = 0
    while (held.length > 0) {
      const [request] = held.splice(Math.floor(random() * held.length), 1)
      const gaveUp = random() < 0.3 ? waiting[Math.floor(random() * waiting.length)] : undefined
      if (gaveUp?.isWaiting === true) gaveUp.finish()
      request?.finish()
      // in the order of arrival: who was passed stays unseen until his turn has come
      for (let served = waiting[next]; served !== undefined && !served.isWaiting; served = waiting[++next]) {
        if (served.line !== undefined) held.push(served)
      }
    }
    const served = waiting.filter(({ line }) => line !== undefined)
    assert.isAbove(served.length, 6_000)
    const first = served[0]?.turn ?? 0
    for (const [position, { turn }] of served.entries()) assert.strictEqual(turn - first, position, "nobody is passed")
    assert.isTrue(waiting.every((request) => !request.isWaiting))
    assert.deepStrictEqual(stub.counts, [10, 0, 0])
  })

  it("P-1: hands the connection to the next if the first in the queue gives up", () => {
    const stub = new StubPool({ max: 1 })
    stub.warm(1)
    const holder = stub.exclusive()
    const [first, second] = [stub.exclusive(), stub.exclusive()]
    first.finish()
    holder.finish()
    assert.isUndefined(first.line)
    assert.isDefined(second.line)
    second.finish()
    assert.deepStrictEqual(stub.counts, [1, 0, 0])
  })

  it("P-1: takes the connection back from one who was interrupted in the tick of the hand-over", () => {
    const stub = new StubPool({ max: 1 })
    stub.warm(1)
    const holder = stub.exclusive()
    const [first, second] = [stub.exclusive(), stub.exclusive()]
    holder.finish()
    // granted, and its fiber has not run yet: the interruption ends the claim
    assert.isDefined(first.line)
    first.finish()
    assert.isDefined(second.line)
    second.finish()
    assert.deepStrictEqual(stub.counts, [1, 0, 0])
  })

  it("P-1: keeps the connection that is being opened for one who gave up, and gives it to the next", () => {
    const stub = new StubPool({ max: 1 })
    const first = stub.exclusive()
    first.finish()
    assert.strictEqual(stub.openings.length, 1)
    const second = stub.exclusive()
    assert.strictEqual(stub.openings.length, 1, "not another one")
    stub.open()
    assert.isDefined(second.line)
    second.finish()
    assert.deepStrictEqual(stub.counts, [1, 0, 0])
  })

  it("P-1: keeps the connection that is being checked for one who gave up, and gives it to the next", () => {
    const stub = new StubPool({ max: 1, checkAfter: 0 })
    const [line] = stub.warm(1)
    stub.clock.advance(60_000)
    const first = stub.exclusive()
    assert.strictEqual(line?.pending?.what, "check")
    first.finish()
    const second = stub.exclusive()
    line?.complete()
    assert.isUndefined(first.line)
    assert.strictEqual(second.line, line)
  })

  it("P-2: gives a slot back once, however often its owner ends the claim", () => {
    const stub = new StubPool({ max: 2 })
    stub.warm(2)
    const holder = stub.exclusive()
    holder.finish()
    const other = stub.exclusive()
    holder.finish()
    holder.finish(true)
    assert.strictEqual(lineOf(other).pending, undefined, "the new holder's session is not reset under it")
    assert.deepStrictEqual(stub.counts, [1, 1, 0])
  })

  it("P-16: refuses at acquireTimeout, whatever the connection attempts do", () => {
    const stub = new StubPool({ acquireTimeout: 5_000 })
    const hanging = stub.exclusive()
    stub.clock.advance(4_999)
    assert.isTrue(hanging.isWaiting)
    const later = stub.exclusive()
    stub.clock.advance(1)
    assert.strictEqual(hanging.reason, "PoolTimeout")
    assert.isTrue(later.isWaiting)
    stub.clock.advance(4_999)
    assert.strictEqual(later.reason, "PoolTimeout")
  })

  it("P-16: refuses at acquireTimeout while a check hangs, and while a reset does", () => {
    for (const [limits, sweep] of [
      [{ checkAfter: 0 }, false],
      [{}, true]
    ] as const) {
      const stub = new StubPool({ max: 1, acquireTimeout: 1_000, ...limits })
      stub.warm(1)
      stub.clock.advance(10_000)
      if (sweep) stub.exclusive().finish(true)
      const asked = stub.clock.now
      const request = stub.exclusive()
      stub.clock.advance(1_001)
      assert.strictEqual(request.reason, "PoolTimeout", `asked at ${asked}`)
    }
  })

  it("refuses everybody in his own time: those who came later wait on", () => {
    const stub = new StubPool({ max: 1, acquireTimeout: 100 })
    stub.warm(1)
    stub.exclusive()
    const requests: Array<Request> = []
    for (let i = 0; i < 10; i++) {
      requests.push(stub.exclusive())
      stub.clock.advance(10)
    }
    for (const [index, request] of requests.entries()) {
      assert.strictEqual(request.reason, index === 0 ? "PoolTimeout" : undefined, `request ${index}`)
    }
    stub.clock.advance(100)
    assert.isTrue(requests.every(({ reason }) => reason === "PoolTimeout"))
  })

  it("P-16: counts the whole wait of one who had a connection that ended before anything was sent", () => {
    const stub = new StubPool({ max: 1, acquireTimeout: 1_000 })
    stub.warm(1)
    const holder = stub.exclusive()
    const request = stub.shared()
    stub.clock.advance(600)
    holder.finish()
    lineOf(request).kill()
    const again = stub.shared("SELECT 1", {}, request.claim)
    stub.clock.advance(399)
    assert.isTrue(again.isWaiting)
    stub.clock.advance(2)
    assert.strictEqual(again.reason, "PoolTimeout")
    assert.deepInclude(errorOf(again).reason, { waitedMillis: 1_000 })
  })

  it("P-16: lets nobody wait longer because one in front of him came back to his place", () => {
    const stub = new StubPool({ max: 1, acquireTimeout: 1_000 })
    stub.warm(1)
    const lost = stub.shared()
    stub.clock.advance(100)
    const behind = [stub.exclusive(), stub.shared()]
    stub.clock.advance(800)
    lineOf(lost).kill()
    const again = stub.shared("SELECT 1", {}, lost.claim)
    stub.clock.advance(199)
    for (const request of [again, ...behind]) assert.isTrue(request.isWaiting)
    stub.clock.advance(2)
    for (const request of [again, ...behind]) assert.strictEqual(request.reason, "PoolTimeout")
  })

  it("P-16: keeps the old deadline of one who comes back when the queue has become empty", () => {
    const stub = new StubPool({ max: 2, acquireTimeout: 1_000 })
    stub.warm(2)
    const [one, two] = [stub.exclusive(), stub.exclusive()]
    const request = stub.shared()
    stub.clock.advance(500)
    one.finish()
    two.finish()
    stub.clock.advance(600)
    // the timer of the first wait has fired, and another one runs for this newcomer
    const others = [stub.exclusive(), stub.exclusive()]
    assert.isTrue(others[1]?.isWaiting)
    lineOf(request).kill()
    const again = stub.shared("SELECT 1", {}, request.claim)
    stub.clock.advance(1)
    assert.strictEqual(again.reason, "PoolTimeout")
    assert.isTrue(others[1]?.isWaiting)
  })

  it("never refuses if there is no acquireTimeout", () => {
    const stub = new StubPool({ acquireTimeout: Number.POSITIVE_INFINITY })
    const request = stub.exclusive()
    stub.clock.advance(1e9)
    assert.isTrue(request.isWaiting)
    stub.open()
    assert.isDefined(request.line)
  })

  it("gives the last error of connecting as the cause of a time-out", () => {
    const stub = new StubPool({ acquireTimeout: 2_000 })
    const request = stub.exclusive()
    const cause = unreachable()
    stub.fail(cause)
    stub.clock.advance(2_000)
    const error = errorOf(request)
    assert.strictEqual(error.cause, cause)
    assert.strictEqual(error.outcome, "NotSent")
    assert.include(error.toString(), "make the server reachable; the last attempt to connect failed with")
  })

  it("names those who hold the connections in the error of a time-out, the longest first", () => {
    const stub = new StubPool({ max: 2, acquireTimeout: 1_000 })
    stub.warm(2)
    const [early, late] = [new StubFiber("#early"), new StubFiber("#late")]
    const first = stub.exclusive(early)
    lineOf(first).inFlight = 1
    lineOf(first).latest = { name: "monthlyReport", sql: "SELECT 1", definedAt: "src/report.ts:3" }
    stub.clock.advance(500)
    stub.exclusive(late)
    const request = stub.exclusive(late)
    stub.clock.advance(1_000)
    const error = errorOf(request)
    assert.deepStrictEqual(error.reason, {
      _tag: "PoolTimeout",
      waitedMillis: 1_000,
      busy: 2,
      max: 2,
      waiting: 1,
      longest: "monthlyReport",
      holders: [
        { fiber: "#early", doing: "monthlyReport", heldMillis: 1_500, own: false },
        { fiber: "#late", doing: undefined, heldMillis: 1_000, own: true }
      ],
      lastConnectError: undefined
    })
    const text = error.toString()
    const remedies = [
      "this fiber waits while it holds a connection itself",
      "release sooner what is held longest, 1.5 s by now",
      "make the slowest statements faster",
      "raise pool.max",
      "raise pool.acquireTimeout"
    ]
    const places = remedies.map((remedy) => text.indexOf(remedy))
    assert.notInclude(places, -1, text)
    assert.deepStrictEqual(
      places,
      places.toSorted((one, other) => one - other),
      "in the order of likelihood"
    )
  })

  it("P-21: lets maxWaiting wait and refuses one more at once", () => {
    const stub = new StubPool({ max: 1, maxWaiting: 3 })
    const waiting = Array.from({ length: 3 }, () => stub.exclusive())
    const tooMany = stub.exclusive()
    assert.deepStrictEqual(errorOf(tooMany).reason, { _tag: "PoolSaturated", waiting: 3 })
    assert.isFalse(PostgresError.isSafeToRetry(errorOf(tooMany)), "a retry would add load to what is full")
    assert.isTrue(waiting.every((request) => request.isWaiting))
    waiting[0]?.finish()
    assert.isTrue(stub.exclusive().isWaiting, "there is room again")
  })

  it("P-21: sheds those who waited twice the queueTarget, once nobody has waited less than it for two seconds", () => {
    const stub = new StubPool({ max: 1, queueTarget: 50, acquireTimeout: 60_000 })
    stub.warm(1)
    // service takes 100 ms, and a request comes every 50: the queue only grows
    let holder = stub.exclusive()
    const requests: Array<Request> = []
    const outcomes: Array<readonly [at: number, reason: string]> = []
    for (let tick = 0; tick < 200; tick++) {
      requests.push(stub.exclusive())
      stub.clock.advance(50)
      if (tick % 2 === 1) {
        holder.finish()
        for (const request of requests.splice(0)) {
          if (request.isWaiting) requests.push(request)
          else if (request.line !== undefined) holder = request
          else outcomes.push([stub.clock.now, request.reason ?? ""])
        }
      }
    }
    assert.isAbove(outcomes.length, 20)
    for (const [at, reason] of outcomes) {
      assert.strictEqual(reason, "PoolOverloaded")
      assert.isAbove(at, 2_000, "a burst is not an overload")
    }
    assert.isBelow(stub.pool.waiting.size, 10, "what is shed keeps the queue short")
  })

  it("P-21: sheds nobody while the shortest wait is below the queueTarget", () => {
    const stub = new StubPool({ max: 1, queueTarget: 50, acquireTimeout: 60_000 })
    stub.warm(1)
    for (let round = 0; round < 100; round++) {
      const holder = stub.exclusive()
      const unlucky = stub.exclusive()
      stub.clock.advance(200)
      holder.finish()
      assert.isDefined(unlucky.line)
      unlucky.finish()
    }
  })
})

describe("waiting for oneself", () => {
  it("is refused at once if one fiber holds the only connection and asks for another", () => {
    const stub = new StubPool({ max: 1 })
    stub.warm(1)
    const fiber = new StubFiber("#7")
    const holder = stub.exclusive(fiber)
    const inner = stub.exclusive(fiber)
    assert.deepStrictEqual(errorOf(inner).reason, {
      _tag: "PoolDeadlock",
      chain: ["#7 holds a connection and waits for another, the fiber that asks"]
    })
    assert.strictEqual(errorOf(inner)._tag, "Permanent")
    holder.finish()
    assert.deepStrictEqual(stub.counts, [1, 0, 0])
  })

  it("is found in a ring of fibers, when the last of them begins to wait", () => {
    const stub = new StubPool({ max: 3 })
    stub.warm(3)
    const fibers = ["#1", "#2", "#3"].map((name) => new StubFiber(name))
    const holders = fibers.map((fiber) => stub.exclusive(fiber))
    const [one, two, three] = fibers.map((fiber) => stub.shared("SELECT 1", fiber))
    assert.isTrue(one?.isWaiting)
    assert.isTrue(two?.isWaiting)
    assert.strictEqual(three?.reason, "PoolDeadlock")
    // the newcomer's failure breaks it: its fiber gives back what it holds
    holders[2]?.finish()
    assert.isDefined(one?.line)
  })

  it("is not suspected while a holder may still end, or another connection come", () => {
    const holding = new StubPool({ max: 2 })
    holding.warm(2)
    const fiber = new StubFiber("#1")
    holding.exclusive(fiber)
    const other = holding.exclusive(new StubFiber("#2"))
    const waiting = holding.exclusive(fiber)
    assert.isTrue(waiting.isWaiting)
    other.finish()
    assert.isDefined(waiting.line)

    const growing = new StubPool({ max: 2 })
    growing.warm(1)
    growing.exclusive(fiber)
    assert.isTrue(growing.exclusive(fiber).isWaiting)
    growing.open()
    assert.deepStrictEqual(growing.counts, [0, 2, 0])
  })
})
