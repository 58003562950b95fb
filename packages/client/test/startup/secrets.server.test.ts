// No secret shows: passwords, what is derived from them, cancel keys, private keys and parameter values are looked for in everything
// that a program can print, after connections that worked and connections that failed in every way that has to do with a secret.
import { createHash } from "node:crypto"
import { inspect } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { NodeTransport } from "@pgfx/platform-node"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import { Connection, param, Pool, Postgres, type PostgresError, Query, Retry } from "pgfx"
import type { Settings } from "pgfx/Settings"
import { type Duplex, Transport } from "pgfx/Transport"
import { inject } from "vitest"
import { resolve } from "../../src/internal/startup/settings/resolve.ts"
import { printed } from "../canary/printed.ts"
import { Secrets } from "../canary/Secrets.ts"
import { open } from "./opening.ts"
import { password, type SecureCluster, startSecureCluster } from "./secureCluster.ts"

/** Node's sockets, and every answer to an authentication request and every cancel key on them. */
const overhearing = (secrets: Secrets): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (node) => {
      const heard = (duplex: Duplex): Duplex => ({
        ...duplex,
        write: (bytes) => {
          if (bytes[0] === 0x70) {
            const text = Buffer.from(bytes.subarray(5)).toString("latin1").replaceAll("\0", "")
            const proof = /,p=([A-Za-z0-9+/=]+)$/.exec(text)?.[1]
            if (proof !== undefined) secrets.add("a SCRAM proof", proof)
            else if (!text.startsWith("SCRAM")) secrets.add("a password message", text)
          }
          duplex.write(bytes)
        },
        poll: undefined,
        read: Effect.tap(duplex.read, (bytes) =>
          Effect.sync(() => {
            const at = bytes === undefined ? -1 : Buffer.from(bytes).indexOf("K\0\0\0\x0c", 0, "latin1")
            if (bytes !== undefined && at >= 0) secrets.add("a cancel key", bytes.slice(at + 9, at + 13))
          })
        ),
        startTls: (options) =>
          Effect.map(duplex.startTls(options), (secure) => ({
            ...heard(secure),
            peerCertificate: secure.peerCertificate,
            alpnProtocol: secure.alpnProtocol
          }))
      })
      return Transport.of({
        ...node,
        connect: (endpoint, options) => Effect.map(node.connect(endpoint, options), heard)
      })
    })
  ).pipe(Layer.provide(NodeTransport.layer))

interface Heard {
  readonly texts: Array<string>
  readonly layer: Layer.Layer<never>
}

/** Every log line as text, JSON and structure, and every span with its attributes and events. */
const listening = (): Heard => {
  const texts: Array<string> = []
  const logger = Logger.make((options) => {
    texts.push(Logger.stringLogger.log(options), Logger.jsonLogger.log(options), printed(options.message))
    texts.push(printed([...options.annotations]), printed(options.cause))
  })
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const record = (value: unknown): void => void texts.push(printed(value))
      record(name)
      return {
        _tag: "Span",
        name,
        spanId: "0",
        traceId: "0",
        parent,
        context,
        links,
        kind,
        sampled: true,
        status: { _tag: "Started", startTime },
        attributes,
        attribute: (key, value) => {
          attributes.set(key, value)
          record([key, value])
        },
        event: (event, _, more) => record([event, more]),
        addLinks: () => undefined,
        end: (_, exit) => record(Exit.isFailure(exit) ? exit.cause : undefined)
      }
    },
    context: (f) => f()
  })
  return {
    texts,
    layer: Layer.mergeAll(
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.All),
      Layer.setTracer(tracer)
    )
  }
}

const canary = "canary-4f1e-Ünsäglich"

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    let server: SecureCluster
    beforeAll(async () => {
      server = await startSecureCluster(majorVersion)
      await server.asSuperuser("CREATE TABLE kept (word text UNIQUE)", "GRANT ALL ON kept TO scrammer")
    })
    afterAll(() => server?.cluster.stop())

    /** Everything said while these run, and what came out of them. */
    const listenTo = (secrets: Secrets, effects: ReadonlyArray<Effect.Effect<unknown, unknown, Transport>>) =>
      Effect.gen(function* () {
        const { layer, texts } = listening()
        for (const [index, effect] of effects.entries()) {
          const exit = yield* effect.pipe(
            Effect.tapErrorCause((cause) => Effect.logError("it failed", cause)),
            Effect.withSpan(`effect ${index}`),
            Effect.exit,
            Effect.provide(Layer.merge(layer, overhearing(secrets)))
          )
          texts.push(printed(exit), inspect(exit, { depth: 20, showHidden: true }))
          if (Exit.isFailure(exit)) {
            const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
            texts.push(printed(error), Cause.pretty(exit.cause, { renderErrorCause: true }))
            assert.isTrue(Exit.isFailure(exit) && error !== undefined, "a failure, not a defect")
          }
        }
        return texts.join("\n")
      })

    const expectNone = (secrets: Secrets, text: string): void => assert.deepStrictEqual(secrets.find(text), [])

    const wordOf = Schema.String
    const keep = Query.command`INSERT INTO kept VALUES (${param("word", wordOf)})`
    const asNumber = Query.one(Schema.Number)`SELECT ${param("word", wordOf)}::text`

    it.live("of a connection that works", () =>
      Effect.gen(function* () {
        const secrets = new Secrets()
        secrets.add("the password", password)
        secrets.add("a parameter", canary)
        const settings = { ...server.secure("scrammer"), password: Redacted.make(password) }
        const program = Effect.gen(function* () {
          const [connection, pool, postgres] = [yield* Connection, yield* Pool, yield* Postgres]
          const parameters = yield* connection.parameters
          yield* keep({ word: canary })
          const twice = yield* Effect.flip(keep({ word: canary }))
          const wrong = yield* Effect.flip(asNumber({ word: canary }))
          yield* Effect.logInfo("connected", settings, connection, pool, postgres, twice, wrong)
          yield* Query.command`DELETE FROM kept`()
          const context = yield* Effect.context<never>()
          return [
            connection,
            pool,
            postgres,
            parameters,
            twice,
            wrong,
            settings,
            Context.get(context as Context.Context<Postgres>, Postgres)
          ]
        }).pipe(
          Effect.provide(
            Layer.mergeAll(Connection.layer(settings), Postgres.layer(settings)).pipe(
              Layer.provideMerge(Retry.layerDefault)
            )
          )
        )
        const text = yield* listenTo(secrets, [program, resolve(settings)])
        assert.isNotEmpty(secrets.textsOf("a SCRAM proof"))
        assert.isNotEmpty(secrets.textsOf("a cancel key, hexadecimal"))
        assert.include(text, "connected")
        assert.include(text, "unique_violation")
        expectNone(secrets, text)
        // the search does find what is there
        for (const secret of [Redacted.value(settings.password), { deep: [{ canary }] }]) {
          assert.throws(() => expectNone(secrets, printed(secret)))
        }
      })
    )

    it.live("of connections that fail", () =>
      Effect.gen(function* () {
        const secrets = new Secrets()
        const { authority, cluster, plain, secure } = server
        const own = authority.issue({ commonName: "another", usage: "client" })
        const wrongWord = "a wrong word 7c1e"
        const passphrase = "an open sesame"
        for (const [what, secret] of [
          ["the password", password],
          ["a wrong password", wrongWord],
          ["the passphrase", passphrase],
          ["a run-time parameter", canary]
        ] as const) {
          secrets.add(what, secret)
        }
        const md5 = (text: string): string => createHash("md5").update(text).digest("hex")
        secrets.addText("what the server stores", md5(`${password}md5er`))
        for (const pem of [own.key, own.encryptedKey(passphrase)]) {
          for (const line of pem.split("\n")) if (line.length === 64) secrets.addText("a key's line", line)
        }
        const wrong = { password: Redacted.make(wrongWord) }
        const requireAuth = ["md5", "password", "none"] as const
        const key = Redacted.make(own.encryptedKey(passphrase))
        const attempts: ReadonlyArray<Settings> = [
          secure("scrammer", wrong),
          plain("scrammer", wrong),
          plain("md5er", wrong),
          plain("md5er", { ...wrong, requireAuth, allowWeakAuthOverUnverifiedLink: true }),
          plain("md5er", { requireAuth, allowWeakAuthOverUnverifiedLink: true, database: "missing" }),
          plain("clearer", wrong),
          secure("clearer", { ...wrong, requireAuth }),
          secure("truster", wrong),
          secure("nobody"),
          secure("scrammer", { host: "another.pgfx.test" }),
          secure("scrammer", { sslrootcert: undefined }),
          secure("scrammer", { parameters: { work_mem: canary } }),
          secure("scrammer", { parameters: { "no such parameter": canary } }),
          secure("scrammer", { initStatements: ["SELECT no_such_function()"] }),
          secure("scrammer", { targetSessionAttrs: "standby" }),
          secure("certified", { sslcert: own.certificate, sslkey: key, sslpassword: Redacted.make(passphrase) }),
          secure("certified", { sslcert: own.certificate, sslkey: key, sslpassword: Redacted.make(wrongWord) }),
          secure("certified", { sslcert: authority.certificate, sslkey: Redacted.make(own.key) }),
          secure("scrammer", { port: 1 }),
          {
            ...secure("scrammer"),
            host: undefined,
            hostaddr: undefined,
            port: undefined,
            hosts: [
              { host: "127.0.0.1", port: 1 },
              { host: "127.0.0.1", port: cluster.port }
            ]
          },
          { url: Redacted.make(`postgres://scrammer:${password}@127.0.0.1:${cluster.port}/missing?sslmode=disable`) },
          { url: Redacted.make(`postgres://scrammer:${password}/@127.0.0.1:${cluster.port}`) },
          { url: Redacted.make(`host=127.0.0.1 password=${password}`) },
          { url: Redacted.make(`host=127.0.0.1 passwrod='${password}'`) }
        ]
        const effects = attempts.flatMap(
          (settings): ReadonlyArray<Effect.Effect<unknown, PostgresError, Transport>> => [
            Effect.scoped(Layer.build(Connection.layer(settings))),
            Effect.scoped(open(settings)),
            Effect.ignore(resolve(settings))
          ]
        )
        const text = yield* listenTo(secrets, effects)
        assert.isNotEmpty(secrets.textsOf("a SCRAM proof"))
        assert.isNotEmpty(secrets.textsOf("a password message"))
        assert.include(text, "28P01")
        expectNone(secrets, text)
      })
    )
  })
}
