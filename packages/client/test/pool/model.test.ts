// Whatever happens in whatever order, no slot is lost and nobody is forgotten: 10⁵ random operations against the state machine (P-1, P-2).
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { PoolLimits } from "../../src/internal/pool/PoolPorts.ts"
import { Request, StubPool, type StubLine, unreachable, wrongPassword } from "./stubPool.ts"

const pick = <A>(items: ReadonlyArray<A>, random: () => number): A | undefined =>
  items[Math.floor(random() * items.length)]

class World {
  readonly stub: StubPool
  readonly requests: Array<Request> = []
  readonly limits: Partial<PoolLimits>
  private readonly random: () => number
  constructor(seed: number, limits: Partial<PoolLimits>) {
    this.limits = limits
    this.stub = new StubPool(limits, seed)
    this.random = this.stub.random
  }

  private get lines(): ReadonlyArray<StubLine> {
    return this.stub.lines.filter(({ closed }) => closed === undefined)
  }

  private forgetLines(): void {
    const { lines } = this.stub
    const ended = lines.findIndex(({ closed, pending }) => closed !== undefined && pending === undefined)
    if (ended >= 0) lines.splice(ended, 1)
  }

  step(): void {
    const { random, requests, stub } = this
    const dice = random()
    const line = pick(this.lines, random)
    const request = pick(requests, random)
    if (dice < 0.02) requests.push(this.unencodable())
    else if (dice < 0.22) requests.push(stub.shared(`SELECT ${Math.floor(random() * 4)}`))
    else if (dice < 0.34) requests.push(stub.exclusive())
    else if (dice < 0.44) this.leave(request)
    else if (dice < 0.62) this.answer(line)
    else if (dice < 0.74) stub.lines.find(({ pending }) => pending !== undefined)?.complete(random() < 0.9)
    else if (dice < 0.86) {
      if (stub.openings.length > 0) stub.open()
    } else if (dice < 0.89) {
      if (stub.openings.length > 0) stub.fail(random() < 0.9 ? unreachable() : wrongPassword())
    } else if (dice < 0.92) {
      stub.lastFailure = stub.clock.now
      line?.kill()
    } else if (dice < 0.94) this.interruptAll(line)
    else if (dice < 0.96 && line?.isHeld === true) line.release()
    else if (dice < 0.97 && line !== undefined) {
      stub.lastFailure = stub.clock.now
      stub.pool.destroy(line, { _tag: "Unresponsive", during: "test" })
    } else if (dice < 0.975) stub.pool.refresh()
    else stub.clock.advance(random() < 0.9 ? random() * 100 : random() * 10_000)
  }

  private unencodable(): Request {
    const request = new Request(false, `SELECT ${Math.floor(this.random() * 4)}`, {})
    request.settlesAtOnce = true
    return this.stub.ask(request)
  }

  /** Interrupted while it waits, or done with its lease; a shared request that is sent stays until it is answered. */
  private leave(request: Request | undefined): void {
    if (request === undefined || request.ended) return
    const { line } = request
    if (!request.exclusive && line !== undefined) return
    // some leave statements behind that nobody waits for
    if (line !== undefined && line.closed === undefined && this.random() < 0.3) {
      line.inFlight++
      line.hold()
    }
    request.finish(this.random() < 0.3)
  }

  private answer(line: StubLine | undefined): void {
    if (line !== undefined && line.running.length > 0 && !line.isHeld) line.answer()
  }

  private interruptAll(line: StubLine | undefined): void {
    if (line !== undefined && line.running.length > 0) line.hold()
  }

  check(): void {
    const { pool } = this.stub
    const { busy, idle, max } = pool.stats
    assert.isAtMost(idle + busy + pool.openings.size, max, "idle + busy + opening ≤ max")
    assert.isAtMost(pool.members.all.size + pool.openings.size, max)
    const held = new Set<StubLine>()
    let waiting = 0
    for (const request of this.requests) {
      if (request.isWaiting) waiting++
      if (request.grants > 1 || (request.grants > 0 && request.refusal !== undefined)) assert.fail("settled twice")
      const { ended, exclusive, line } = request
      if (!exclusive || ended || line === undefined) continue
      if (held.has(line)) assert.fail("two hold one connection")
      held.add(line)
    }
    for (const member of pool.members.all) {
      const { line, phase } = member
      if (held.has(line) && line.running.length > 0) assert.fail("somebody shares what is held")
      if ((phase === "idle") !== pool.members.idle.includes(member)) assert.fail("idle, and not in the list")
      if (phase === "idle" && line.inFlight > 0) assert.fail("idle, and busy")
    }
    assert.strictEqual(pool.waiting.size, waiting, "nobody is forgotten")
    if (waiting > 0 && this.limits.checkAfter === Number.POSITIVE_INFINITY) {
      assert.strictEqual(idle, 0, "nobody waits beside an idle connection")
    }
    let reserved = 0
    for (const member of pool.members.all) if (member.reserved) reserved++
    assert.strictEqual(pool.members.reservations.size, reserved)
    assert.isAtMost(reserved, pool.waiting.alone.size, "reserved for somebody")
    if (pool.waiting.sharing.size > 0) {
      const depth = pool.limits.pipelineDepth
      assert.isFalse(
        [...pool.members.all].some((member) => member.takesShared(depth)),
        "nobody waits beside a place to share"
      )
    }
    this.forget()
    this.forgetLines()
  }

  private forget(): void {
    for (let at = this.requests.length - 1; at >= 0; at--) {
      const request = this.requests[at]
      if (request !== undefined && (request.ended || request.refusal !== undefined)) this.requests.splice(at, 1)
    }
  }

  /** Every lease ends, everything is answered, no connection fails: then everybody gets his turn, and the pool is at rest. */
  settle(): void {
    const { stub } = this
    const waiting = this.requests.filter((request) => request.isWaiting)
    // an answer may make the pool end a connection: that, too, takes until the other side has said so
    const unrest = (): number =>
      stub.pool.waiting.size + (stub.pool.members.all.size - stub.pool.stats.idle) + stub.openings.length
    for (let round = 0; round < 2_000; round++) {
      const before = unrest()
      for (const request of this.requests) if (request.exclusive && request.line !== undefined) request.finish()
      for (const line of stub.lines) {
        if (line.isHeld) line.release()
        if (line.pending !== undefined) line.complete()
        while (line.closed === undefined && line.running.length > 0) line.answer()
      }
      while (stub.openings.length > 0) stub.open()
      // The clock only ends the pause after a failure: nothing else may wait for it.
      const now = unrest()
      if (now === 0) break
      if (now === before && stub.clock.now < stub.lastFailure + 1_000) stub.clock.advance(1_000)
    }
    for (const request of waiting) assert.isFalse(request.isWaiting, "everybody gets his turn")
    const { busy, idle, waiting: left } = stub.pool.stats
    assert.deepStrictEqual(
      { busy, waiting: left, opening: stub.pool.openings.size },
      { busy: 0, waiting: 0, opening: 0 }
    )
    assert.strictEqual(idle, stub.pool.members.all.size)
    stub.pool.close()
    let empty = false
    stub.pool.onEmpty(() => {
      empty = true
    })
    for (const line of stub.lines) if (line.pending !== undefined) line.complete()
    assert.isTrue(empty, "the pool ends")
    assert.strictEqual(stub.clock.pending, 0, "no timer outlives it")
  }
}

const limits: fc.Arbitrary<Partial<PoolLimits>> = fc.record({
  max: fc.constantFrom(1, 2, 3, 7),
  min: fc.constantFrom(0, 1),
  pipelineDepth: fc.constantFrom(1, 3, 128),
  maxWaiting: fc.constantFrom(4, 16_384),
  maxLifetime: fc.constantFrom(20_000, 1_800_000),
  idleTimeout: fc.constantFrom(3_000, 600_000),
  acquireTimeout: fc.constantFrom(5_000, Number.POSITIVE_INFINITY),
  checkAfter: fc.constantFrom(0, 2_000, Number.POSITIVE_INFINITY),
  queueTarget: fc.constantFrom(undefined, 50)
})

describe("a pool under 100,000 random operations", () => {
  it("keeps idle + busy + opening ≤ max, forgets nobody, and comes to rest with no slot lost", () => {
    fc.assert(
      fc.property(fc.integer(), limits, (seed, limits) => {
        const world = new World(seed, limits)
        for (let i = 0; i < 500; i++) {
          world.step()
          world.check()
        }
        world.settle()
      }),
      { numRuns: 200 }
    )
  }, 60_000)
})
