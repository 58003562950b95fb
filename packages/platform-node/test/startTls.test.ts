// TLS on a socket that already carried bytes: what the server is told (name, protocol), what is checked, and what must not be taken for
// its first words. Against Node's own TLS server; real PostgreSQL servers are in the tests of the client.
import { type AddressInfo, createServer, type Socket } from "node:net"
import { TLSSocket } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { makeAuthority } from "@pgfx/testing/server/certificates"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { PostgresError } from "pgfx"
import { type SecureDuplex, type TlsOptions, Transport } from "pgfx/Transport"
import { NodeTransport } from "../src/NodeTransport.ts"

const authority = makeAuthority()
const issued = authority.issue({ names: ["db.pgfx.test", "127.0.0.1"] })

interface Told {
  servername: string | undefined
  alpn: string | false | null
}

/** Greets with one byte, as a server does after SSLRequest; `accept` does the rest. */
const listen = (accept: (socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => undefined)
        accept(socket)
      })
      server.listen(0, "127.0.0.1", () => {
        const close = (): void => {
          for (const socket of sockets) socket.destroy()
          server.close()
        }
        resume(Effect.succeed({ port: (server.address() as AddressInfo).port, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const secured =
  (told: Partial<Told>, protocols: ReadonlyArray<string> = ["postgresql"]) =>
  (socket: Socket): void => {
    socket.write("S")
    const secure = new TLSSocket(socket, {
      isServer: true,
      cert: issued.chain,
      key: issued.key,
      ALPNProtocols: [...protocols],
      SNICallback: (name, done) => {
        told.servername = name
        done(null)
      }
    })
    secure.on("error", () => undefined)
    secure.on("secure", () => {
      told.alpn = secure.alpnProtocol
      secure.write("inside")
    })
  }

const trusting: TlsOptions = { serverName: "db.pgfx.test", verify: "chain-and-name", ca: authority.certificate }

const upgrade = (port: number, options: TlsOptions) =>
  Effect.gen(function* () {
    const { connect } = yield* Transport
    const duplex = yield* connect({ host: "127.0.0.1", port, database: "d", user: "u" })
    assert.strictEqual((yield* duplex.read)?.length, 1)
    return yield* duplex.startTls(options)
  }).pipe(Effect.provide(NodeTransport.layer))

const failureOf = (port: number, options: TlsOptions): Effect.Effect<PostgresError> =>
  Effect.catchAll(Effect.flip(Effect.scoped(upgrade(port, options))), () => Effect.dieMessage("should not be secure"))

const firstWord = (secure: SecureDuplex) => Effect.map(secure.read, (bytes) => Buffer.from(bytes ?? []).toString())

describe("a socket that goes on with TLS", () => {
  it.live("tells the server the name it means and the protocol it speaks, and shows the certificate", () =>
    Effect.gen(function* () {
      const told: Partial<Told> = {}
      const { port } = yield* listen(secured(told))
      const secure = yield* upgrade(port, { ...trusting, alpn: ["postgresql"] })
      assert.strictEqual(yield* firstWord(secure), "inside")
      assert.deepStrictEqual(told, { servername: "db.pgfx.test", alpn: "postgresql" })
      assert.strictEqual(secure.alpnProtocol, "postgresql")
      const der = issued.certificate.replaceAll(/-----[A-Z ]+-----|\s/g, "")
      assert.strictEqual(Buffer.from(secure.peerCertificate ?? []).toString("base64"), der)
      assert.strictEqual(secure.remoteAddress, "127.0.0.1")
    }).pipe(Effect.scoped)
  )

  it.live("tells no name where it was not to, or where the name is an address", () =>
    Effect.gen(function* () {
      const told: Partial<Told> = {}
      const { port } = yield* listen(secured(told))
      yield* Effect.flatMap(upgrade(port, { ...trusting, sni: false }), firstWord)
      yield* Effect.flatMap(upgrade(port, { ...trusting, serverName: "127.0.0.1" }), firstWord)
      assert.isUndefined(told.servername)
    }).pipe(Effect.scoped)
  )

  it.live("checks the name unless it was told not to, and the chain unless it was told not to", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(secured({}))
      const another = { ...trusting, serverName: "another.pgfx.test" }
      const error = yield* failureOf(port, another)
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.include(error.message, "the host name in the server's certificate")
      yield* upgrade(port, { ...another, verify: "chain" })
      const { ca: _, ...strangers } = another
      const chain = yield* failureOf(port, { ...strangers, verify: "chain" })
      assert.include(chain.message, "the chain of the server's certificate")
      yield* upgrade(port, { ...strangers, verify: "none" })
    }).pipe(Effect.scoped)
  )

  it.live("does not take for the server's what came before TLS", () =>
    Effect.gen(function* () {
      const { port } = yield* listen((socket) => {
        socket.write("S")
        setTimeout(() => socket.write("anything"), 20)
      })
      const { connect } = yield* Effect.provide(Transport, NodeTransport.layer)
      const duplex = yield* connect({ host: "127.0.0.1", port, database: "d", user: "u" })
      yield* duplex.read
      yield* Effect.sleep("60 millis")
      const error = yield* Effect.flip(duplex.startTls(trusting))
      assert.strictEqual(error.reason._tag, "TlsFailed")
      assert.include(error.message, "8 bytes in clear text behind it")
    }).pipe(Effect.scoped)
  )

  it.live("says what is wrong with our own certificate and key before they are used", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(secured({}))
      const own = authority.issue({ usage: "client" })
      const other = authority.issue({ usage: "client" })
      const keyOf = (options: Partial<TlsOptions>) =>
        Effect.map(failureOf(port, { ...trusting, cert: own.certificate, key: own.key, ...options }), (error) => {
          assert.strictEqual(error._tag, "Permanent")
          return error.reason._tag === "InvalidSettings" ? error.reason.key : error.reason._tag
        })
      assert.strictEqual(yield* keyOf({ key: other.key }), "sslkey")
      assert.strictEqual(yield* keyOf({ key: own.encryptedKey("open") }), "sslpassword")
      assert.strictEqual(yield* keyOf({ key: own.encryptedKey("open"), passphrase: "shut" }), "sslpassword")
      assert.strictEqual(
        yield* keyOf({ cert: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" }),
        "sslcert"
      )
    }).pipe(Effect.scoped)
  )

  it.live("is dropped when who waits for it is interrupted, and a late error is nobody's", () =>
    Effect.gen(function* () {
      const sockets: Array<Socket> = []
      const { port } = yield* listen((socket) => {
        sockets.push(socket.resume())
        socket.write("S")
      })
      const waiting = yield* Effect.fork(Effect.scoped(upgrade(port, trusting)))
      yield* Effect.sleep("50 millis")
      yield* Fiber.interrupt(waiting)
      for (const socket of sockets) socket.write("garbage")
      yield* Effect.sleep("50 millis")
      assert.strictEqual(sockets.length, 1)
      assert.isTrue(sockets.every((socket) => socket.destroyed))
    }).pipe(Effect.scoped)
  )
})
