// One deadline over everything from the look-up of a name to the initial statements: at every stage where a server may fall silent, or
// say a byte now and then, the attempt ends in time, says where it stood, and is not repeated.
import { spawn } from "node:child_process"
import { connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type { PostgresError } from "pgfx"
import type { Settings } from "pgfx/Settings"
import { Transport } from "pgfx/Transport"
import { type Behaviour, drip, listen, type Listener, messages, welcome } from "./listener.ts"
import { open, openOver } from "./opening.ts"

const timeout = 300
const tolerance = 100

/** Adds up the time in which this process got no turn: on a busy machine that is not the deadline's fault. */
const stallMeter = (): { readonly stop: () => number } => {
  let stalled = 0
  let last = performance.now()
  const tick = (): void => {
    const now = performance.now()
    stalled += Math.max(0, now - last - 10)
    last = now
  }
  const timer = setInterval(tick, 5)
  return {
    stop: () => {
      clearInterval(timer)
      tick()
      return stalled
    }
  }
}

/** The failure, how long it took, and how much of that this process could run. */
const timed = <R>(
  attempt: Effect.Effect<unknown, PostgresError, R>
): Effect.Effect<readonly [error: PostgresError, elapsed: number, ran: number], never, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    const stalls = stallMeter()
    return Effect.map(
      Effect.catchAll(Effect.flip(attempt), () => Effect.dieMessage("this connection should have failed")),
      (error) => {
        const elapsed = performance.now() - start
        return [error, elapsed, elapsed - stalls.stop()] as const
      }
    )
  })

const failsInTime = <R>(attempt: Effect.Effect<unknown, PostgresError, R>, stage: string) =>
  Effect.map(timed(attempt), ([error, elapsed, ran]) => {
    assert.strictEqual(error._tag, "Broken")
    assert.strictEqual(error.outcome, "NotSent")
    assert.strictEqual(error.reason._tag, "ConnectFailed")
    assert.include(error.message, `no answer during ${stage} within ${timeout}ms (connectTimeout)`)
    assert.isAtLeast(elapsed, timeout - 5)
    assert.isAtMost(ran, timeout + tolerance)
  })

const settings = ({ port }: Listener, more: Settings = {}): Settings => ({
  host: "127.0.0.1",
  port,
  sslmode: "disable",
  connectTimeout: timeout,
  ...more
})

const silence: Behaviour = () => undefined
const S = Buffer.from("S")
/** the header of a TLS record and no more of it */
const record = Buffer.from([0x16, 3, 3, 0x40, 0])

const after =
  (first: Buffer, then: (socket: Socket) => void = () => undefined): Behaviour =>
  (socket, piece) => {
    if (piece !== 1) return
    socket.write(first)
    then(socket)
  }

const cases: ReadonlyArray<readonly [what: string, stage: string, behaviour: Behaviour, more?: Settings]> = [
  ["never answers SSLRequest", "the answer to SSLRequest", silence, { sslmode: "require" }],
  ["never answers a TLS greeting", "the TLS handshake", silence, { sslmode: "require", sslnegotiation: "direct" }],
  ["stalls in the TLS handshake", "the TLS handshake", after(S), { sslmode: "require" }],
  [
    "drips in the TLS handshake",
    "the TLS handshake",
    after(S, (socket) => drip(socket, Buffer.concat([record, Buffer.alloc(0x4000)]), 10)),
    { sslmode: "prefer" }
  ],
  ["never answers StartupMessage", "authentication", silence],
  [
    "stalls in the middle of SCRAM",
    "authentication",
    after(messages({ _tag: "AuthenticationSASL", mechanisms: ["SCRAM-SHA-256"] })),
    { password: Redacted.make("a word") }
  ],
  [
    "drips its first question",
    "authentication",
    after(Buffer.alloc(0), (socket) => drip(socket, Buffer.from("R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"), 50))
  ],
  ["stalls after AuthenticationOk", "the start of the session", after(messages({ _tag: "AuthenticationOk" }))],
  [
    "drips ParameterStatus for ever",
    "the start of the session",
    after(messages({ _tag: "AuthenticationOk" }), (socket) =>
      drip(socket, messages({ _tag: "ParameterStatus", name: "a", value: "b" }), 5)
    )
  ],
  [
    "stalls in an initial statement",
    "the initial statements",
    after(messages(...welcome)),
    { initStatements: ["SELECT 1"] }
  ],
  [
    "does not say whether it is a standby",
    "the check of targetSessionAttrs",
    after(messages(...welcome)),
    { targetSessionAttrs: "primary" }
  ]
]

describe("a server that falls silent", () => {
  for (const [what, stage, behaviour, more] of cases) {
    it.live(`and ${what} costs no more than the deadline`, () =>
      Effect.gen(function* () {
        const listener = yield* listen(behaviour)
        yield* failsInTime(open(settings(listener, more)), stage)
        assert.strictEqual(listener.connections(), 1)
      }).pipe(Effect.scoped)
    )
  }

  it.live("before it accepts costs no more than the deadline", () =>
    Effect.gen(function* () {
      // A process that is stopped, with a full queue of connections: the kernel leaves further ones unanswered.
      const program =
        "require('net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, function () { console.log(this.address().port) })"
      const frozen = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "ignore"] })),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      const port = yield* Effect.async<number>((resume) => {
        frozen.stdout.once("data", (text: Buffer) => resume(Effect.succeed(Number(text.toString()))))
      })
      frozen.kill("SIGSTOP")
      const fill = yield* Effect.acquireRelease(
        Effect.sync(() => Array.from({ length: 8 }, () => connect(port, "127.0.0.1").on("error", () => undefined))),
        (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
      )
      yield* Effect.sleep("100 millis")
      assert.isTrue(fill.some((socket) => socket.connecting))
      yield* failsInTime(open(settings({ port, connections: () => 0 })), "the network connection")
    }).pipe(Effect.scoped)
  )

  it.live("like the resolver of its name costs no more than the deadline", () =>
    failsInTime(
      openOver({ host: "db.pgfx.test", connectTimeout: timeout }).pipe(
        Effect.provideService(Transport, {
          abilities: { cancel: true, tls: true, terminate: true },
          connect: () => Effect.never,
          lookup: () => Effect.never
        }),
        Effect.scoped
      ),
      "the look-up of the name"
    )
  )

  it.live("leaves its share of the time to the next one, and both are named", () =>
    Effect.gen(function* () {
      const silent = yield* listen(silence)
      const stalling = yield* listen(after(messages({ _tag: "AuthenticationOk" })))
      const hosts = [silent, stalling].map(({ port }) => ({ host: "127.0.0.1", port }))
      const [error, elapsed, ran] = yield* timed(open({ hosts, sslmode: "disable", connectTimeout: timeout }))
      const half =
        /127\.0\.0\.1:(\d+), authentication: no answer during authentication within (\d+)ms \(a share of connectTimeout, 300ms\)/
      const [, port, share] = half.exec(error.message) ?? []
      assert.strictEqual(Number(port), silent.port)
      // half of what was left when it was dialled
      assert.isAtMost(Number(share), timeout / 2)
      assert.isAtLeast(Number(share), timeout / 2 - 40)
      assert.include(error.message, `127.0.0.1:${stalling.port}, the start of the session: no answer`)
      assert.isAtLeast(elapsed, timeout - 5)
      assert.isAtMost(ran, timeout + tolerance)
    }).pipe(Effect.scoped)
  )

  it.live("gives back all of its share if it fails at once", () =>
    Effect.gen(function* () {
      const silent = yield* listen(silence)
      const ending = yield* listen((socket) => socket.end())
      const hosts = [ending, silent].map(({ port }) => ({ host: "127.0.0.1", port }))
      const [, elapsed, ran] = yield* timed(open({ hosts, sslmode: "disable", connectTimeout: timeout }))
      assert.isAtLeast(elapsed, timeout - 5)
      assert.isAtMost(ran, timeout + tolerance)
    }).pipe(Effect.scoped)
  )
})

describe("a server that ends every connection", () => {
  const endings: ReadonlyArray<readonly [what: string, behaviour: Behaviour, more: Settings]> = [
    ["at once", (socket) => socket.end(), {}],
    ["at once, asked for TLS", (socket) => socket.end(), { sslmode: "require" }],
    ["after SSLRequest", (socket, piece) => void (piece === 1 && socket.end()), { sslmode: "prefer" }],
    ["after StartupMessage", (socket, piece) => void (piece === 1 && socket.end()), {}],
    ["with a reset", (socket, piece) => void (piece === 1 && socket.resetAndDestroy()), {}],
    [
      "after AuthenticationOk",
      (socket, piece) => void (piece === 1 && socket.end(messages({ _tag: "AuthenticationOk" }))),
      {}
    ]
  ]
  for (const [what, behaviour, more] of endings) {
    it.live(`${what} is dialled once, and fails at once`, () =>
      Effect.gen(function* () {
        const listener = yield* listen(behaviour)
        const [error, , ran] = yield* timed(open(settings(listener, { ...more, connectTimeout: 5_000 })))
        assert.strictEqual(error._tag, "Broken")
        assert.strictEqual(error.outcome, "NotSent")
        assert.oneOf(error.reason._tag, ["ConnectFailed", "TlsFailed"])
        assert.isAtMost(ran, timeout)
        assert.strictEqual(listener.connections(), 1)
      }).pipe(Effect.scoped)
    )
  }

  it.live("in the TLS handshake is dialled once more where sslmode=prefer allows plain text, and that is said", () =>
    Effect.gen(function* () {
      const listener = yield* listen((socket, piece, bytes) => {
        if (piece === 1) socket.end(bytes.length === 8 ? S : "")
      })
      const said: Array<unknown> = []
      const log = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ logLevel, message }) => void said.push(logLevel.label, message))
      )
      const [error] = yield* timed(
        Effect.provide(open(settings(listener, { sslmode: "prefer", connectTimeout: 5_000 })), log)
      )
      assert.include(error.message, "the server closed the connection during authentication")
      assert.include(error.message, "another way had failed before: the TLS handshake, TlsFailed")
      assert.strictEqual(listener.connections(), 2)
      assert.strictEqual(said.length, 2)
      assert.strictEqual(said[0], "WARN")
      const where = `127.0.0.1:${listener.port}`
      assert.include(
        String(said[1]),
        `pgfx: sslmode=prefer goes on in plain text, since TLS failed: ${where}, the TLS handshake: TlsFailed`
      )
    }).pipe(Effect.scoped)
  )
})
