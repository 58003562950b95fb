// Names, addresses, and second ways in: what is dialled, in which order, and what becomes of several failures. Real sockets, but names
// are looked up in a table.
import { assert, describe, it } from "@effect/vitest"
import { NodeTransport } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type { PostgresError } from "pgfx"
import type { Settings } from "pgfx/Settings"
import { Transport } from "pgfx/Transport"
import type { Socket } from "node:net"
import type { BackendMessage, ReportFields } from "@pgfx/protocol"
import { AttemptFailed } from "../../src/internal/startup/connectFailure.ts"
import type { OpenConnection } from "../../src/internal/startup/openConnection.ts"
import { type Behaviour, listen, messages, welcome } from "./listener.ts"
import { openOver } from "./opening.ts"

type Names = Readonly<Record<string, ReadonlyArray<string>>>

interface Dialling {
  readonly transport: typeof Transport.Service
  /** addresses, in the order they were dialled */
  readonly dialled: Array<string>
}

const notFound = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" })

/** The sockets of Node behind a table of names. */
const dialling = (names: Names): Effect.Effect<Dialling> =>
  Effect.map(Effect.provide(Transport, NodeTransport.layer), (node) => {
    const dialled: Array<string> = []
    return {
      dialled,
      transport: {
        ...node,
        connect: (endpoint, options) => {
          dialled.push(endpoint.host)
          return node.connect(endpoint, options)
        },
        lookup: (name) => {
          const found = names[name]
          return found === undefined ? Effect.die(notFound) : Effect.succeed(found)
        }
      }
    }
  })

const openBy = (transport: typeof Transport.Service, settings: Settings) =>
  Effect.provideService(openOver(settings), Transport, transport)

const failureOf = (transport: typeof Transport.Service, settings: Settings): Effect.Effect<PostgresError> =>
  Effect.catchAll(Effect.flip(Effect.scoped(openBy(transport, settings))), () =>
    Effect.dieMessage("this connection should have failed")
  )

const refusal = (code: string, message: string): BackendMessage => ({
  _tag: "ErrorResponse",
  fields: { severity: "FATAL", severityNonLocalized: "FATAL", code, message } satisfies ReportFields
})

/** Answers each StartupMessage. */
const answering = (answer: (startup: string, connection: number) => ReadonlyArray<BackendMessage>): Behaviour => {
  let connection = 0
  return (socket: Socket, piece, bytes) => {
    if (piece === 1) socket.write(messages(...answer(bytes.toString("latin1"), ++connection)))
    // statements of the simple protocol: done, all of them
    else if (bytes[0] === 0x51) {
      socket.write(messages({ _tag: "CommandComplete", tag: "SELECT 1" }, { _tag: "ReadyForQuery", status: "I" }))
    }
  }
}

const welcoming = answering(() => welcome)

describe("a name", () => {
  it.live("is dialled at each of its addresses, in the order of the look-up", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(welcoming, "127.0.0.3")
      const { dialled, transport } = yield* dialling({ "db.pgfx.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3"] })
      const connection = yield* openBy(transport, { host: "db.pgfx.test", port, sslmode: "disable" })
      assert.deepStrictEqual(dialled, ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
      assert.strictEqual(connection.destination.dialled.host, "127.0.0.3")
      assert.strictEqual(connection.destination.host.name, "db.pgfx.test")
    }).pipe(Effect.scoped)
  )

  it.live("is dialled at addresses in any order where the load is to be balanced", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(welcoming, "0.0.0.0")
      const { dialled, transport } = yield* dialling({ "db.pgfx.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3"] })
      const settings: Settings = { host: "db.pgfx.test", port, sslmode: "disable", loadBalanceHosts: "random" }
      const some = Effect.replicateEffect(Effect.scoped(openBy(transport, settings)), 20, { discard: true })
      yield* Effect.withRandom(some, Random.make("one seed"))
      const first = dialled.splice(0)
      assert.sameMembers([...new Set(first)], ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
      yield* Effect.withRandom(some, Random.make("one seed"))
      assert.deepStrictEqual(dialled, first)
    }).pipe(Effect.scoped)
  )

  it.live("is looked up anew for each connection", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(welcoming, "0.0.0.0")
      const names: Record<string, ReadonlyArray<string>> = { "db.pgfx.test": ["127.0.0.1"] }
      const { dialled, transport } = yield* dialling(names)
      const connect = Effect.scoped(openBy(transport, { host: "db.pgfx.test", port, sslmode: "disable" }))
      yield* connect
      names["db.pgfx.test"] = ["127.0.0.2"]
      yield* connect
      assert.deepStrictEqual(dialled, ["127.0.0.1", "127.0.0.2"])
    }).pipe(Effect.scoped)
  )

  it.live("without an address is a failure like any other", () =>
    Effect.gen(function* () {
      const { transport } = yield* dialling({ "db.pgfx.test": [] })
      const error = yield* failureOf(transport, { host: "db.pgfx.test" })
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.include(error.message, "could not connect to db.pgfx.test:5432: the name has no address")
    })
  )

  it.live("that is plain text because it is this machine leads to this machine, or nowhere", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(welcoming)
      const away = yield* dialling({ localhost: ["203.0.113.7", "127.0.0.1"] })
      yield* Effect.scoped(openBy(away.transport, { host: "localhost", port }))
      assert.deepStrictEqual(away.dialled, ["127.0.0.1"])

      const error = yield* failureOf((yield* dialling({ localhost: ["203.0.113.7"] })).transport, { port })
      assert.include(error.message, '"localhost" leads to 203.0.113.7, which is not this machine')

      // whoever writes the mode means the name, wherever it leads
      const written = yield* dialling({ localhost: ["127.0.0.9"] })
      yield* failureOf(written.transport, { port, sslmode: "disable", connectTimeout: 200 })
      assert.deepStrictEqual(written.dialled, ["127.0.0.9"])
    }).pipe(Effect.scoped)
  )

  it.live("that the transport looks up itself is judged by where it led", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(welcoming)
      const { transport } = yield* dialling({})
      const { lookup: _, ...own } = transport
      const telling = (remoteAddress: string | undefined): typeof Transport.Service => ({
        ...own,
        connect: (endpoint) => Effect.map(own.connect(endpoint), (duplex) => ({ ...duplex, remoteAddress }))
      })
      yield* Effect.scoped(openBy(telling("127.0.0.1"), { host: "localhost", port }))
      const away = yield* failureOf(telling("203.0.113.7"), { host: "localhost", port })
      assert.include(away.message, "leads to 203.0.113.7, which is not this machine")
      const silent = yield* failureOf(telling(undefined), { host: "localhost", port })
      assert.include(silent.message, "leads to an address that is not known")
    }).pipe(Effect.scoped)
  )
})

describe("several failures", () => {
  const busy = answering(() => [refusal("53300", "sorry, too many clients already")])
  const starting = answering(() => [refusal("57P03", "the database system is starting up")])
  const strict = answering(() => [{ _tag: "AuthenticationCleartextPassword" }])
  const settings = (ports: ReadonlyArray<number>): Settings => ({
    hosts: ports.map((port) => ({ host: "127.0.0.1", port })),
    sslmode: "disable",
    password: Redacted.make("a word")
  })
  const portsOf = (...behaviours: ReadonlyArray<Behaviour>) =>
    Effect.map(
      Effect.forEach(behaviours, (behaviour) => listen(behaviour)),
      (listeners) => listeners.map(({ port }) => port)
    )
  const fail = (ports: ReadonlyArray<number>) =>
    Effect.flatMap(dialling({}), ({ transport }) => failureOf(transport, settings(ports)))
  const attemptsOf = (error: PostgresError): ReadonlyArray<AttemptFailed> =>
    error.cause instanceof AggregateError ? error.cause.errors : []

  it.live("of one kind keep their class and reason", () =>
    Effect.gen(function* () {
      const error = yield* fail(yield* portsOf(busy, busy))
      assert.strictEqual(error._tag, "Transient")
      assert.strictEqual(error.reason._tag, "TooManyConnections")
      assert.deepStrictEqual(
        attemptsOf(error).map((attempt) => attempt.error.reason._tag),
        ["TooManyConnections", "TooManyConnections"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("of several kinds are ConnectFailed, with each place, stage and reason", () =>
    Effect.gen(function* () {
      const ports = yield* portsOf(busy, starting, (socket) => socket.end())
      const error = yield* fail(ports)
      assert.strictEqual(error._tag, "Broken")
      assert.strictEqual(error.reason._tag, "ConnectFailed")
      assert.strictEqual(error.outcome, "NotSent")
      const sentences = [
        `127.0.0.1:${ports[0]}, authentication: too_many_connections (53300): sorry, too many clients already`,
        `127.0.0.1:${ports[1]}, authentication: cannot_connect_now (57P03): the database system is starting up`,
        `127.0.0.1:${ports[2]}, authentication: the server closed the connection during authentication`
      ]
      for (const sentence of sentences) assert.include(error.message, sentence)
      assert.deepStrictEqual(
        attemptsOf(error).map(({ message }) => message),
        sentences
      )
    }).pipe(Effect.scoped)
  )

  it.live("at the addresses of one host are that of the address that got furthest", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(busy, "127.0.0.2")
      const { transport } = yield* dialling({ localhost: ["127.0.0.1", "127.0.0.2", "127.0.0.3"] })
      const error = yield* failureOf(transport, { host: "localhost", port })
      assert.strictEqual(error._tag, "Transient")
      assert.strictEqual(error.reason._tag, "TooManyConnections")
      assert.strictEqual(attemptsOf(error).length, 3)
    }).pipe(Effect.scoped)
  )

  it.live("end with the first that is final, which speaks for itself and names the others", () =>
    Effect.gen(function* () {
      const ports = yield* portsOf(busy, strict, welcoming)
      const error = yield* fail(ports)
      assert.strictEqual(error._tag, "Permanent")
      assert.strictEqual(error.reason._tag, "AuthenticationRefused")
      assert.deepStrictEqual(
        attemptsOf(error).map(({ place }) => place),
        [`127.0.0.1:${ports[0]}`, `127.0.0.1:${ports[1]}`]
      )
    }).pipe(Effect.scoped)
  )

  it.live("leave nothing behind for the next one", () =>
    Effect.gen(function* () {
      const nonces: Array<string> = []
      let passwords = 0
      const asking: Behaviour = (socket, piece, bytes) => {
        if (piece === 1) socket.write(messages({ _tag: "AuthenticationSASL", mechanisms: ["SCRAM-SHA-256"] }))
        if (piece === 2) {
          nonces.push(/r=([^,]+)/.exec(bytes.toString("latin1"))?.[1] ?? "")
          socket.end()
        }
      }
      const ports = yield* portsOf(asking, asking, asking)
      const { transport } = yield* dialling({})
      const password = Effect.sync(() => Redacted.make(`word ${passwords++}`))
      yield* failureOf(transport, { ...settings(ports), password })
      assert.strictEqual(passwords, 3)
      assert.strictEqual(new Set(nonces).size, 3)
      assert.isTrue(nonces.every((nonce) => nonce.length >= 24))
    }).pipe(Effect.scoped)
  )
})

describe("a pooler", () => {
  const unsupported = (name: string): BackendMessage => refusal("08P01", `unsupported startup parameter: ${name}`)
  const open = (behaviour: Behaviour, more: Settings = {}) =>
    Effect.gen(function* () {
      const listener = yield* listen(behaviour)
      const { transport } = yield* dialling({})
      const connection = yield* openBy(transport, { host: "127.0.0.1", port: listener.port, ...more })
      return { connection, connections: listener.connections() }
    })

  it.live("that refuses start-up parameters gets them as a statement", () =>
    Effect.gen(function* () {
      const startups: Array<string> = []
      const { connection, connections } = yield* open(
        answering((startup) => {
          startups.push(startup)
          return startup.includes("extra_float_digits") ? [unsupported("extra_float_digits")] : welcome
        }),
        {
          parameters: { search_path: "it's, mine" },
          options: "-c geqo=off --work-mem=5\\ MB",
          initStatements: ["SELECT 1"]
        }
      )
      assert.strictEqual(connections, 2)
      assert.include(startups[1], "client_encoding\0UTF8")
      assert.include(startups[1], "DateStyle\0ISO")
      for (const moved of ["IntervalStyle", "bytea_output", "search_path", "options"])
        assert.notInclude(startups[1], moved)
      const [parameters = "", own] = connection.initialStatements
      assert.strictEqual(own, "SELECT 1")
      assert.match(
        parameters,
        /^SELECT pg_catalog\.set_config\('geqo', 'off', false\), pg_catalog\.set_config\('work_mem', '5 MB', false\)/
      )
      assert.include(parameters, "pg_catalog.set_config('search_path', 'it''s, mine', false)")
    }).pipe(Effect.scoped)
  )

  it.live("that refuses them again is believed, and so is one that refuses what SQL cannot say", () =>
    Effect.gen(function* () {
      for (const [options, expected] of [
        [undefined, 2],
        ["-B 100", 1]
      ] as const) {
        let connections = 0
        const error = yield* Effect.flip(
          open(
            answering(() => {
              connections++
              return [unsupported("application_name")]
            }),
            { options }
          )
        )
        assert.strictEqual(error._tag, "Permanent")
        assert.include(error.message, "unsupported startup parameter")
        assert.strictEqual(connections, expected)
      }
    }).pipe(Effect.scoped)
  )

  it.live("that refuses protocol 3.2 is asked for 3.0, once, unless that was ruled out", () =>
    Effect.gen(function* () {
      const old = answering((startup) =>
        startup.charCodeAt(7) === 2 ? [refusal("08P01", "bad packet header: '0000002900030002'")] : welcome
      )
      const { connection, connections } = yield* open(old, { maxProtocolVersion: "latest" })
      assert.strictEqual(connection.protocolVersion, 0x3_0000)
      assert.strictEqual(connections, 2)
      const error = yield* Effect.flip(open(old, { minProtocolVersion: "3.2" }))
      assert.include(error.message, "bad packet header")
    }).pipe(Effect.scoped)
  )

  it.live("that kept another client's encoding is not used", () =>
    Effect.gen(function* () {
      const latin = welcome.map((message) =>
        message._tag === "ParameterStatus" ? { ...message, value: "LATIN1" } : message
      )
      const error = yield* Effect.flip(open(answering(() => latin)))
      assert.strictEqual(error.reason._tag, "ProtocolViolation")
      assert.include(error.message, "expected client_encoding UTF8, as asked for, received client_encoding LATIN1")
    }).pipe(Effect.scoped)
  )
})

describe("a connection", () => {
  it.live("knows what a CancelRequest needs", () =>
    Effect.gen(function* () {
      const { port } = yield* listen(welcoming, "127.0.0.2")
      const { transport } = yield* dialling({ localhost: ["127.0.0.1", "127.0.0.2"] })
      const connection: OpenConnection = yield* openBy(transport, { host: "localhost", port })
      const { dialled, encryption } = connection.destination
      assert.deepStrictEqual([dialled.host, dialled.port, encryption], ["127.0.0.2", port, "none"])
      assert.strictEqual(connection.key?.processId, 1)
    }).pipe(Effect.scoped)
  )
})
