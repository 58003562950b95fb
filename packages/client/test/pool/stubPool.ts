// A pool without a database: lines that answer when a test says so, a clock that moves when it is told, randomness from a seed. What the
// stubs do is what Dispatcher and pooledConnection do, in the same order: the answer settles first, then nothing is in flight, then idle.
import { Broken, Permanent, type PostgresError } from "pgfx"
import type { CloseReason, ExchangeFailure } from "../../src/internal/exchange/Exchange.ts"
import type { Claim, Line, Waiter } from "../../src/internal/lease.ts"
import type { PooledConnection } from "../../src/internal/pool/Member.ts"
import { PoolLessor } from "../../src/internal/pool/PoolLessor.ts"
import type { MemberEvents, Opening, PoolLimits } from "../../src/internal/pool/PoolPorts.ts"

export const defaults: PoolLimits = {
  min: 0,
  max: 10,
  acquireTimeout: 5_000,
  idleTimeout: 600_000,
  maxLifetime: 1_800_000,
  maxWaiting: 16_384,
  queueTarget: undefined,
  pipelineDepth: 128,
  checkAfter: 30_000
}

/** Mulberry32: small, fast, good enough to wander. */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Milliseconds; timers fire in the order of their times. */
export class StubClock {
  now = 0
  private timers: Array<{ readonly at: number; readonly callback: () => void }> = []
  schedule(millis: number, callback: () => void): () => void {
    const timer = { at: this.now + millis, callback }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }
  advance(millis: number): void {
    const end = this.now + millis
    for (;;) {
      const due = this.timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0]
      if (due === undefined) break
      this.timers = this.timers.filter((timer) => timer !== due)
      this.now = Math.max(this.now, due.at)
      due.callback()
    }
    this.now = end
  }
  get pending(): number {
    return this.timers.length
  }
}

export class StubLine implements Line, PooledConnection<StubLine> {
  readonly line = this
  inFlight = 0
  isHeld = false
  status: "I" | "T" | "E" = "I"
  closed: CloseReason | undefined = undefined
  lastReport: string | undefined = undefined
  changedBy: string | undefined = undefined
  unansweredBytes = 0
  latest: Waiter["statement"] = undefined
  events: MemberEvents | undefined = undefined
  /** shared requests, oldest first */
  readonly running: Array<Request> = []
  /** what the pool asked for and waits for */
  pending: { readonly what: "check" | "reset" | "close"; readonly done: (ok: boolean) => void } | undefined = undefined
  destroyed = false
  cancels = 0

  readonly number: number
  constructor(number: number) {
    this.number = number
  }
  check(done: (healthy: boolean) => void): void {
    this.inFlight++
    this.pending = { what: "check", done }
  }
  reset(done: (clean: boolean) => void): void {
    this.pending = { what: "reset", done }
  }
  close(done: () => void): void {
    this.closed = { _tag: "Closed" }
    this.pending = { what: "close", done }
    this.failAll()
  }
  destroy(reason: CloseReason): void {
    this.closed ??= reason
    this.destroyed = true
    this.failAll()
  }
  cancel(done: () => void): void {
    this.cancels++
    done()
  }

  /** The server answers the oldest shared request. */
  answer(): void {
    const request = this.running.shift()
    request?.finish()
    this.inFlight--
    if (this.inFlight === 0 && !this.isHeld) this.events?.idle()
  }
  /** What the pool asked for is done. */
  complete(ok = true): void {
    const { pending } = this
    this.pending = undefined
    if (pending?.what === "check") {
      pending.done(ok)
      this.inFlight = 0
      this.events?.idle()
    } else {
      if (pending?.what === "reset" && ok) {
        this.status = "I"
        this.changedBy = undefined
      }
      pending?.done(ok)
    }
  }
  /** Everything in flight was abandoned: nothing more may be written. */
  hold(): void {
    this.isHeld = true
  }
  /** What was placed last was not sent yet: its owner asks again. */
  giveBackUnsent(): void {
    const { unsent } = this
    const request = unsent === undefined ? -1 : this.running.indexOf(unsent)
    if (unsent === undefined || request < 0) return
    this.running.splice(request, 1)
    this.inFlight--
    unsent.finish()
    this.givenBack?.(unsent)
  }
  unsent: Request | undefined = undefined
  givenBack: ((request: Request) => void) | undefined = undefined
  /** Recovery has seen every answer. */
  release(): void {
    this.isHeld = false
    this.inFlight = 0
    for (const request of this.running.splice(0)) request.finish()
    this.events?.idle()
  }
  /** The server or the network ends it. */
  kill(): void {
    if (this.closed !== undefined) return
    this.closed = { _tag: "Lost", cause: "killed", report: undefined }
    this.failAll()
    this.events?.lost()
  }
  private failAll(): void {
    this.inFlight = 0
    this.isHeld = false
    for (const request of this.running.splice(0)) request.finish()
  }
}

let turns = 0

/** A request for a connection, and what came of it. */
export class Request implements Waiter<StubLine> {
  line: StubLine | undefined = undefined
  refusal: ExchangeFailure | undefined = undefined
  grants = 0
  /** of the connection it got: ascends over all requests */
  turn = 0
  ended = false
  claim: Claim | undefined = undefined
  /** its parameters cannot be encoded: it is over before anything is written */
  settlesAtOnce = false
  site: string | undefined = undefined
  readonly fiber: object
  readonly exclusive: boolean
  readonly statement: { readonly name: undefined; readonly sql: string; readonly definedAt: string } | undefined
  constructor(exclusive: boolean, sql: string | undefined, fiber: object) {
    this.exclusive = exclusive
    this.statement = sql === undefined ? undefined : { name: undefined, sql, definedAt: "test" }
    this.fiber = fiber
  }
  granted(line: StubLine): void {
    this.grants++
    this.turn = ++turns
    this.line = line
    if (this.exclusive) return
    if (this.settlesAtOnce) return this.finish()
    line.inFlight++
    line.running.push(this)
  }
  refused(failure: ExchangeFailure): void {
    this.refusal = failure
  }
  get isWaiting(): boolean {
    return this.line === undefined && this.refusal === undefined && !this.ended
  }
  get reason(): string | undefined {
    return this.refusal?._tag === "NotLeased" ? this.refusal.error.reason._tag : this.refusal?._tag
  }
  /** Its owner is done with it, or was interrupted. */
  finish(sweep = false): void {
    this.ended = true
    this.claim?.end(sweep)
  }
}

/** Fibers are told apart by identity. */
export class StubFiber {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

export const unreachable = (): PostgresError =>
  new Broken({ reason: { _tag: "ConnectFailed", address: "stub", cause: "refused" }, outcome: "NotSent" })
export const wrongPassword = (): PostgresError =>
  new Permanent({
    reason: {
      _tag: "AuthenticationFailed",
      report: { severity: "FATAL", sqlState: "28P01", message: "password authentication failed" }
    },
    outcome: "NotSent"
  })

export class StubPool {
  readonly clock = new StubClock()
  readonly lines: Array<StubLine> = []
  readonly openings: Array<Opening<StubLine>> = []
  readonly warnings: Array<string> = []
  /** times at which the pool began to open connections */
  readonly attempts: Array<number> = []
  readonly pool: PoolLessor<StubLine>
  readonly random: () => number
  constructor(limits: Partial<PoolLimits> = {}, seed = 1) {
    this.random = randomFrom(seed)
    this.pool = new PoolLessor<StubLine>(
      { ...defaults, ...limits },
      {
        now: () => this.clock.now,
        schedule: (millis, callback) => this.clock.schedule(millis, callback),
        random: this.random,
        open: (opening) => {
          this.attempts.push(this.clock.now)
          this.openings.push(opening)
          return () => this.remove(opening)
        },
        nameOf: (fiber) => (fiber instanceof StubFiber ? fiber.name : "a fiber"),
        warn: (message) => void this.warnings.push(message)
      }
    )
  }

  /** The oldest connection on its way is there. */
  open(): StubLine {
    const opening = this.openings[0]
    if (opening === undefined) throw new Error("nothing is being opened")
    this.remove(opening)
    const line = new StubLine(this.lines.length + 1)
    this.lines.push(line)
    line.events = opening.opened(line)
    return line
  }
  openAll(): void {
    while (this.openings.length > 0) this.open()
  }
  /** when the pool last had reason to pause */
  lastFailure = Number.NEGATIVE_INFINITY
  fail(error: PostgresError = unreachable()): void {
    this.lastFailure = this.clock.now
    const opening = this.openings[0]
    if (opening === undefined) throw new Error("nothing is being opened")
    this.remove(opening)
    opening.failed(error)
  }
  /** So many connections, all idle. */
  warm(count: number): ReadonlyArray<StubLine> {
    const requests = Array.from({ length: count }, () => this.exclusive())
    while (this.lines.length < count) this.open()
    for (const request of requests) request.finish()
    return this.lines.slice()
  }

  exclusive(fiber: object = {}, site?: string): Request {
    const request = new Request(true, undefined, fiber)
    request.site = site
    request.claim = this.pool.exclusive(request)
    return request
  }
  /** A statement that is run for the first time, unless `prove` was called for it. */
  shared(sql = "SELECT 1", fiber: object = {}, lost?: Claim): Request {
    const request = new Request(false, sql, fiber)
    return this.ask(request, lost)
  }
  ask(request: Request, lost?: Claim): Request {
    request.claim = this.pool.shared(request, lost)
    if (request.ended) request.finish()
    return request
  }
  /** From now on this statement may share a connection. Needs a connection. */
  prove(sql = "SELECT 1"): void {
    this.shared(sql).line?.answer()
  }

  /** idle, busy, waiting */
  get counts(): readonly [idle: number, busy: number, waiting: number] {
    const { busy, idle, waiting } = this.pool.stats
    return [idle, busy, waiting]
  }

  private remove(opening: Opening<StubLine>): void {
    const index = this.openings.indexOf(opening)
    if (index >= 0) this.openings.splice(index, 1)
  }
}
