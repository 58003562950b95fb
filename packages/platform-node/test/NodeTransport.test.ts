// Sockets of this process as a Transport: what is dialled, what is told, what is felt by the other side.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from "node:net"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Broken } from "pgfx"
import { type Endpoint, Transport } from "pgfx/Transport"
import { NodeTransport } from "../src/NodeTransport.ts"

interface Listening {
  readonly port: number
  readonly server: Server
  /** in the order they came */
  readonly sockets: ReadonlyArray<Socket>
}

const listen = (
  options: ListenOptions,
  accept: (socket: Socket) => void = () => undefined
): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Listening>((resume) => {
      const sockets: Array<Socket> = []
      const server = createServer((socket) => {
        sockets.push(socket)
        socket.on("error", () => undefined)
        accept(socket)
      })
      server.listen(options, () => {
        const address = server.address() as AddressInfo | string
        resume(Effect.succeed({ port: typeof address === "string" ? 0 : address.port, server, sockets }))
      })
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )

const tcp: ListenOptions = { host: "127.0.0.1", port: 0 }

const endpoint = (host: string, port: number): Endpoint => ({ host, port, database: "d", user: "u" })
const transport = Effect.provide(Transport, NodeTransport.layer)
const dial = (host: string, port: number) => Effect.flatMap(transport, ({ connect }) => connect(endpoint(host, port)))

const failureOf = (host: string, port: number): Effect.Effect<Broken> =>
  Effect.catchAll(Effect.flip(Effect.scoped(dial(host, port))), () => Effect.dieMessage("should not connect"))

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "pgfx-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString()

describe("a connection over TCP", () => {
  it.live("tells the address of the other side, and carries bytes both ways to the end", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(tcp, (socket) =>
        socket.on("data", (bytes) => socket.end(`you said ${bytes.toString()}`))
      )
      const duplex = yield* dial("127.0.0.1", port)
      assert.strictEqual(duplex.remoteAddress, "127.0.0.1")
      duplex.write(Buffer.from("hello"))
      assert.strictEqual(text(yield* duplex.read), "you said hello")
      assert.isUndefined(yield* duplex.read)
      assert.isUndefined(yield* duplex.read)
    }).pipe(Effect.scoped)
  )

  it.live("is ConnectFailed where nobody listens, with the system's reason", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(listen(tcp))
      const error = yield* failureOf("127.0.0.1", port)
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.strictEqual(error.outcome, "NotSent")
      assert.include(error.message, "ECONNREFUSED")
    })
  )

  it.live("is kept alive by the system, if that is asked for", (context) =>
    Effect.gen(function* () {
      if (process.platform !== "linux") return context.skip("only Linux shows a socket's timers, in /proc/net/tcp")
      const { port } = yield* listen(tcp)
      const { connect } = yield* transport
      // remote address and port, timer in use (2 is keepalive), when it fires in hundredths of a second; all hexadecimal
      const pattern = new RegExp(
        `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")} 01 \\S+ (\\d\\d):([0-9A-F]+)`,
        "g"
      )
      const timers = () =>
        [...readFileSync("/proc/net/tcp", "latin1").matchAll(pattern)].map(([, timer, when = ""]) => [
          timer,
          Number.parseInt(when, 16) / 100
        ])
      yield* connect(endpoint("127.0.0.1", port))
      assert.deepStrictEqual(
        timers().map(([timer]) => timer),
        ["00"]
      )
      yield* connect(endpoint("127.0.0.1", port), { keepalive: { idleMillis: 33_000 } })
      const kept = timers().filter(([timer]) => timer === "02")
      assert.strictEqual(kept.length, 1)
      assert.isAtMost(Math.abs(Number(kept[0]?.[1]) - 33), 1)
    }).pipe(Effect.scoped)
  )

  it.live("is not read ahead of its reader: the other side feels it", () =>
    Effect.gen(function* () {
      const size = 64 * 1024 * 1024
      const { port, sockets } = yield* listen(tcp, (socket) => void socket.write(Buffer.alloc(size)))
      const duplex = yield* dial("127.0.0.1", port)
      yield* Effect.sleep("100 millis")
      const written = (): number => size - (sockets[0]?.writableLength ?? 0)
      // one write is all or nothing for Node: what counts is that it is not done
      assert.strictEqual(written(), 0)
      let read = 0
      while (read < size) read += (yield* duplex.read)?.length ?? size
      assert.strictEqual(read, size)
    }).pipe(Effect.scoped)
  )

  it.live("keeps the bytes that come while a reader is interrupted", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* listen(tcp)
      const duplex = yield* dial("127.0.0.1", port)
      const reader = yield* Effect.fork(duplex.read)
      yield* Effect.sleep("10 millis")
      yield* Fiber.interrupt(reader)
      sockets[0]?.write("later")
      assert.strictEqual(text(yield* duplex.read), "later")
    }).pipe(Effect.scoped)
  )

  it.live("suspends a writer whose bytes are not taken, until they are or the connection is gone", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* listen(tcp, (socket) => socket.pause())
      const first = yield* dial("127.0.0.1", port)
      const second = yield* dial("127.0.0.1", port)
      yield* first.drained
      for (const duplex of [first, second]) {
        duplex.write(Buffer.alloc(32 * 1024 * 1024))
        assert.isAbove(duplex.buffered(), 1024 * 1024)
      }
      const waiting = yield* Effect.forkAll([first.drained, second.drained])
      yield* Effect.sleep("20 millis")
      assert.strictEqual((yield* Fiber.poll(waiting))._tag, "None")
      sockets[0]?.resume()
      sockets[1]?.destroy()
      yield* Fiber.join(waiting)
    }).pipe(Effect.scoped)
  )

  it.live("that is reset fails its reader, and nobody else", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* listen(tcp)
      const duplex = yield* dial("127.0.0.1", port)
      yield* Effect.sleep("10 millis")
      sockets[0]?.resetAndDestroy()
      const error = yield* Effect.flip(duplex.read)
      assert.strictEqual(error.reason._tag, "ConnectionLost")
      assert.include(error.message, "ECONNRESET")
      // nothing is thrown by what comes too late
      duplex.write(Buffer.from("too late"))
      yield* duplex.end
      yield* duplex.drained
    }).pipe(Effect.scoped)
  )

  it.live("is gone with its Scope, and with the interruption of who dials it", () =>
    Effect.gen(function* () {
      const { port, sockets } = yield* listen(tcp, (socket) => socket.resume())
      yield* Effect.scoped(dial("127.0.0.1", port))
      const dialling = yield* Effect.fork(Effect.scoped(dial("127.0.0.1", port)))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(dialling)
      yield* Effect.sleep("50 millis")
      assert.isAtLeast(sockets.length, 1)
      assert.isTrue(sockets.every((socket) => socket.destroyed))
    }).pipe(Effect.scoped)
  )
})

describe("a connection over a Unix socket", () => {
  it.live("is found in its directory by its port", () =>
    Effect.gen(function* () {
      const path = yield* directory
      yield* listen({ path: join(path, ".s.PGSQL.5432") }, (socket) => socket.end("here"))
      const duplex = yield* dial(path, 5432)
      assert.strictEqual(text(yield* duplex.read), "here")
      assert.isUndefined(duplex.remoteAddress)
    }).pipe(Effect.scoped)
  )

  it.live("needs no file on Linux", (context) =>
    Effect.gen(function* () {
      if (process.platform !== "linux") return context.skip("sockets without a file exist on Linux only")
      const name = `pgfx-test-${process.pid}`
      if (Number.parseInt(process.versions.node, 10) < 22) {
        const error = yield* failureOf(`@${name}`, 5432)
        return assert.include(error.message, "sockets without a file need Node 22 or later")
      }
      yield* listen({ path: `\0${name}/.s.PGSQL.5432` }, (socket) => socket.end("here"))
      const duplex = yield* dial(`@${name}`, 5432)
      assert.strictEqual(text(yield* duplex.read), "here")
    }).pipe(Effect.scoped)
  )

  it.live("is ConnectFailed if it is missing, stale, or too long to be dialled", () =>
    Effect.gen(function* () {
      const path = yield* directory
      const missing = yield* failureOf(path, 5432)
      assert.include(missing.message, `could not connect to ${path}/.s.PGSQL.5432: connect ENOENT`)

      // a server that was killed leaves its file
      const file = join(path, ".s.PGSQL.5433")
      const killed = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))"
      spawnSync(process.execPath, ["-e", killed, file])
      assert.isTrue(statSync(file).isSocket())
      const stale = yield* failureOf(path, 5433)
      assert.include(stale.message, "ECONNREFUSED")

      const long = yield* failureOf(`${path}/${"d".repeat(100)}`, 5432)
      assert.match(long.message, /the path of the socket has \d+ bytes, \d+ is the most/)
      for (const { outcome, reason } of [missing, stale, long]) {
        assert.strictEqual(reason._tag, "ConnectFailed")
        assert.strictEqual(outcome, "NotSent")
      }
    }).pipe(Effect.scoped)
  )
})

describe("what the system knows", () => {
  it.live("the addresses of a name, none twice", () =>
    Effect.gen(function* () {
      const { lookup } = yield* transport
      const found = yield* lookup?.("localhost") ?? Effect.succeed([])
      assert.isNotEmpty(found)
      assert.isTrue(found.every((address) => address === "127.0.0.1" || address === "::1"))
      assert.strictEqual(new Set(found).size, found.length)
      assert.deepStrictEqual(yield* lookup?.("127.0.0.2") ?? Effect.succeed([]), ["127.0.0.2"])
    })
  )

  it.live("that there is no such name", () =>
    Effect.gen(function* () {
      const { lookup } = yield* transport
      const error = yield* Effect.flip(lookup?.("a name with blanks") ?? Effect.succeed([]))
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.include(error.message, "ENOTFOUND")
    })
  )

  it.live("who we are, whatever the environment says", () =>
    Effect.gen(function* () {
      const { userName } = yield* transport
      assert.strictEqual(yield* userName ?? Effect.succeed(undefined), userInfo().username)
    })
  )
})
