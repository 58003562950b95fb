// The scripted backend itself: what it says for a script, what it refuses, and how loudly. The client is a real one.
import { assert, describe, it } from "@effect/vitest"
import { makeBackendDecoder } from "@pgfx/protocol"
import { type Backend, Message, type Script, ScriptedBackend, ScriptMismatch } from "@pgfx/testing"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import { param, type Postgres, PostgresError, Query, Retry, Session, Sql, Transaction, Transport } from "pgfx"
import { vi } from "vitest"

const bump = Query.command`UPDATE counters SET n = n + 1`
const names = Query.all(Schema.Struct({ name: Schema.String }))`SELECT name FROM country`

const idle = Message.readyForQuery("idle")
const moment = new Date("2024-05-06T05:08:09.123Z")
const twoNames = [Message.rowDescription("name"), Message.dataRow("Sverige"), Message.dataRow("Ísland")]

/** After `acceptStartup`. */
const connected =
  (script: Script): Script =>
  (backend) =>
    Effect.zipRight(backend.acceptStartup, script(backend))

const exitOf = <A, E>(program: Effect.Effect<A, E, Postgres>, script: Script) =>
  Effect.exit(Effect.provide(program, ScriptedBackend.layer(script)))

/** The mismatches that the end of the layer died with. */
const mismatchesOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<ScriptMismatch> =>
  Exit.isSuccess(exit) ? [] : [...Cause.defects(exit.cause)].filter((defect) => defect instanceof ScriptMismatch)

/** The one mismatch of an exit, as `expected | received`. */
const mismatchOf = (exit: Exit.Exit<unknown, unknown>): string => {
  const mismatches = mismatchesOf(exit)
  assert.strictEqual(mismatches.length, 1)
  return mismatches.map(({ expected, received }) => `${expected} | ${received}`).join()
}

const innermost = (error: unknown): unknown =>
  error instanceof Error && error.cause !== undefined ? innermost(error.cause) : error

const mismatchIn = (program: Effect.Effect<unknown, unknown, Postgres>, script: Script) =>
  Effect.map(exitOf(program, connected(script)), mismatchOf)

describe("a statement of a script", () => {
  it.effect("is answered by the backend unless it is the last one", () =>
    bump().pipe(
      Transaction.runWith({ isolation: "serializable" }),
      Retry.transient,
      Effect.provide([
        Retry.layer(Schedule.recurs(1)),
        ScriptedBackend.layer((backend) =>
          Effect.gen(function* () {
            yield* backend.acceptStartup
            for (const answer of [
              Message.errorResponse({ sqlState: "40001", message: "could not serialize access" }),
              Message.commandComplete("COMMIT")
            ]) {
              yield* backend.expect("BEGIN", "UPDATE counters", "COMMIT")
              yield* backend.send(answer, idle)
            }
          })
        )
      ]),
      Effect.map((tag) => assert.deepStrictEqual(tag, { command: "UPDATE", rows: 1 }))
    )
  )

  it.effect("is answered in the words of the simple protocol, whichever messages carry it", () =>
    Effect.gen(function* () {
      const rows = [{ name: "Sverige" }, { name: "Ísland" }]
      assert.deepStrictEqual(yield* names(), rows)
      const [result] = yield* Query.script("SELECT name FROM country")
      assert.deepStrictEqual(result?.rows, rows)
    }).pipe(
      Effect.provide(
        ScriptedBackend.layer((backend) =>
          Effect.gen(function* () {
            yield* backend.acceptStartup
            for (const carrier of ["Execute", "Query"]) {
              const heard = yield* backend.expect("SELECT name")
              assert.strictEqual(heard.at(-1)?._tag, carrier)
              yield* backend.send(...twoNames, Message.commandComplete("SELECT 2"), idle)
            }
          })
        )
      )
    )
  )

  it.effect("matches whatever the blanks, and not whatever the case", () =>
    Effect.gen(function* () {
      const spread = Query.command`
        UPDATE  counters
        SET     n = 1`
      yield* spread().pipe(
        Effect.provide(
          ScriptedBackend.layer(
            connected((backend) =>
              Effect.zipRight(
                backend.expect("UPDATE counters SET n"),
                backend.send(Message.commandComplete("UPDATE 1"), idle)
              )
            )
          )
        )
      )
      assert.strictEqual(
        yield* mismatchIn(spread(), (backend) => backend.expect("update counters")),
        'a statement that begins with "update counters" | Execute of "UPDATE counters SET n = 1"'
      )
    })
  )

  it.effect("fails the rest of its group when the script says an error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(bump())
      assert.strictEqual(error.reason._tag, "LockNotAvailable")
      assert.deepStrictEqual(yield* bump(), { command: "UPDATE", rows: 7 })
    }).pipe(
      Effect.provide(
        ScriptedBackend.layer((backend) =>
          Effect.gen(function* () {
            yield* backend.acceptStartup
            yield* backend.expect("UPDATE")
            yield* backend.send(Message.errorResponse({ sqlState: "55P03", message: "locked" }), idle)
            yield* backend.expect("UPDATE")
            yield* backend.send(Message.commandComplete("UPDATE 7"), idle)
          })
        )
      )
    )
  )

  it.effect("gets what a real server says when a failed transaction is committed", () =>
    Effect.gen(function* () {
      const error = yield* bump().pipe(
        Effect.ignore,
        Effect.zipRight(Effect.flip(bump())),
        Effect.ignore,
        Transaction.run,
        Effect.flip
      )
      assert.strictEqual(error.reason._tag, "CommitRolledBack")
    }).pipe(
      Effect.provide(
        ScriptedBackend.layer((backend) =>
          Effect.gen(function* () {
            yield* backend.acceptStartup
            yield* backend.expect("BEGIN", "UPDATE")
            yield* backend.send(
              Message.errorResponse({ sqlState: "23505", message: "duplicate" }),
              Message.readyForQuery("failed")
            )
            yield* backend.expect("UPDATE", "COMMIT", "UPDATE")
          })
        )
      ),
      Effect.exit,
      Effect.map((exit) => {
        // the third step never comes: what the backend said to the first two is in the conversation
        const [mismatch] = mismatchesOf(exit)
        assert.includeMembers(
          [...(mismatch?.transcript ?? [])],
          [
            'B ErrorResponse ERROR 25P02 "current transaction is aborted, commands ignored until end of transaction block"',
            'F Query "COMMIT"',
            'B CommandComplete "ROLLBACK"'
          ]
        )
      })
    )
  )
})

describe("a statement that the client knows already", () => {
  const Row = Schema.Struct({
    a: Schema.Number,
    b: Schema.BigIntFromSelf,
    c: Schema.String,
    d: Schema.DateFromSelf,
    e: Schema.Boolean,
    f: Schema.NullOr(Schema.Number),
    g: Schema.Uint8ArrayFromSelf
  })
  const query = Query.one(Row)`SELECT a, b, c, d, e, f, g FROM t WHERE n = ${param("n", Schema.Number)}`
  const columns = [23, 20, 1700, 1184, 16, 701, 17].map((typeOid, i) => ({ name: "abcdefg"[i] ?? "", typeOid }))
  const row = Message.dataRow("-7", "12345678901", "-1200.0305", "2024-05-06 07:08:09.123+02", "t", null, "\\x00ff")
  const answer = [Message.rowDescription(...columns), row, Message.commandComplete("SELECT 1"), idle]

  it.effect("is answered with the same rows, whatever format they are asked for in", () =>
    Effect.gen(function* () {
      const first = yield* query({ n: 5 })
      assert.deepStrictEqual(first, {
        a: -7,
        b: 12345678901n,
        c: "-1200.0305",
        d: moment,
        e: true,
        f: null,
        g: Uint8Array.of(0, 255)
      })
      for (const n of [6, 7]) assert.deepStrictEqual(yield* query({ n }), first)
    }).pipe(
      Effect.provide(
        ScriptedBackend.layer((backend) =>
          Effect.gen(function* () {
            yield* backend.acceptStartup
            const carried: Array<string> = []
            for (let i = 0; i < 3; i++) {
              const heard = yield* backend.expect("SELECT a, b")
              carried.push(heard.map(({ _tag }) => _tag).join(" "))
              yield* backend.send(...answer)
            }
            // or this proves nothing: a client that knows the statement does not describe it again
            assert.strictEqual(carried[2], "Bind Execute")
          })
        )
      )
    )
  )

  it.effect("is described before it runs, if it may change something", () => {
    const insert = Query.one(Schema.Struct({ id: Schema.Number }))`
      INSERT INTO t (n) VALUES (${param("n", Schema.Number)}) RETURNING id`
    return insert({ n: 5 }).pipe(
      Effect.zip(insert({ n: 6 })),
      Effect.map((ids) => assert.deepStrictEqual(ids, [{ id: 1 }, { id: 2 }])),
      Effect.provide(
        ScriptedBackend.layer((backend) =>
          Effect.gen(function* () {
            yield* backend.acceptStartup
            for (const id of ["1", "2"]) {
              yield* backend.expect("INSERT INTO t")
              yield* backend.send(
                Message.parameterDescription(23),
                Message.rowDescription({ name: "id", typeOid: 23 }),
                Message.dataRow(id),
                Message.commandComplete("INSERT 0 1"),
                idle
              )
            }
          })
        )
      )
    )
  })

  it.effect("may be described only: the client finds out that it does not fit", () => {
    const insert = Query.one(Schema.Struct({ id: Schema.Number }))`INSERT INTO t DEFAULT VALUES RETURNING name`
    return insert().pipe(
      Effect.flip,
      Effect.map((error) => assert.strictEqual(error.reason._tag, "StatementMismatch")),
      Effect.provide(
        ScriptedBackend.layer(
          connected((backend) =>
            Effect.zipRight(backend.expect("INSERT"), backend.send(Message.rowDescription("name"), idle))
          )
        )
      )
    )
  })

  it.effect("that is described and never run is told, when the script has more to say", () =>
    Effect.gen(function* () {
      const insert = Query.one(Schema.Struct({ id: Schema.Number }))`INSERT INTO t DEFAULT VALUES RETURNING name`
      const exit = yield* exitOf(
        insert(),
        connected((backend) =>
          Effect.zipRight(
            backend.expect("INSERT"),
            backend.send(Message.rowDescription("name"), Message.commandComplete("INSERT 0 1"), idle)
          )
        )
      )
      assert.strictEqual(
        mismatchOf(exit),
        'the execution of "INSERT INTO t DEFAULT VALUES RETURNING name", which was described | Terminate'
      )
    })
  )

  it.effect("says which type it has no binary form of", () =>
    Effect.gen(function* () {
      const ranges = Query.all(Schema.Struct({ r: Schema.Unknown }))`SELECT r FROM t`
      const exit = yield* exitOf(
        Effect.zipRight(ranges(), ranges()),
        connected((backend) =>
          Effect.repeatN(
            Effect.zipRight(
              backend.expect("SELECT r"),
              backend.send(
                Message.rowDescription({ name: "r", typeOid: 3904 }),
                Message.dataRow("[1,5)"),
                Message.commandComplete("SELECT 1"),
                idle
              )
            ),
            1
          )
        )
      )
      const [defect] = Exit.isFailure(exit) ? Cause.defects(exit.cause) : []
      assert.match(String(defect), /column 1, of the type with OID 3904, in binary; give dataRow its bytes/)
    })
  )
})

describe("what the client says for itself", () => {
  it.effect("is answered by the backend, during the script and after it", () =>
    Effect.gen(function* () {
      yield* Session.pin(bump())
      yield* bump()
      yield* Session.pin(bump())
    }).pipe(
      Effect.provide(
        ScriptedBackend.layer((backend) =>
          Effect.gen(function* () {
            yield* backend.acceptStartup
            for (let i = 0; i < 3; i++) {
              yield* backend.expect("UPDATE counters")
              yield* backend.send(Message.commandComplete("UPDATE 1"), idle)
            }
          })
        )
      )
    )
  )

  it.effect("can be expected by its text", () =>
    Effect.zipRight(Session.pin(bump()), names()).pipe(
      Effect.provide(
        ScriptedBackend.layer(
          connected((backend) =>
            Effect.gen(function* () {
              const heard = yield* backend.expect("UPDATE", "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT")
              assert.strictEqual(heard.at(-1)?._tag, "Query")
              yield* backend.send(Message.commandComplete("CLOSE CURSOR ALL"), idle)
              yield* backend.expect("SELECT name")
              yield* backend.send(...twoNames, Message.commandComplete("SELECT 2"), idle)
            })
          )
        )
      )
    )
  )
})

describe("a message of a script", () => {
  const byMessages = (backend: Backend) =>
    Effect.gen(function* () {
      yield* backend.expect("Parse", "Describe", "Bind", "Execute", "Sync")
      yield* backend.send(Message.parseComplete(), Message.parameterDescription())
      yield* backend.send(Message.rowDescription("name"))
      yield* backend.send(Message.bindComplete(), Message.dataRow("Norge"), Message.commandComplete("SELECT 1"))
      yield* backend.send(idle)
    })

  it.effect("is answered by the script alone, in as many pieces as it likes", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* names(), [{ name: "Norge" }])
    }).pipe(Effect.provide(ScriptedBackend.layer(connected(byMessages))))
  )

  it.effect("mixes with statements on one connection", () =>
    Effect.gen(function* () {
      yield* bump()
      yield* names()
      yield* bump()
    }).pipe(
      Effect.provide(
        ScriptedBackend.layer(
          connected((backend) =>
            Effect.gen(function* () {
              const updated = backend.send(Message.commandComplete("UPDATE 1"), idle)
              yield* Effect.zipRight(backend.expect("UPDATE"), updated)
              yield* byMessages(backend)
              yield* Effect.zipRight(backend.expect("UPDATE"), updated)
              assert.strictEqual(yield* backend.expectEnd, "FIN")
            })
          )
        )
      )
    )
  )

  it.effect("can be looked at", () =>
    Query.command`SELECT ${Sql.value("secret")}`().pipe(
      Effect.provide(
        ScriptedBackend.layer(
          connected((backend) =>
            Effect.gen(function* () {
              const [parse] = yield* backend.expect("SELECT")
              assert.strictEqual(parse?._tag === "Parse" ? parse.sql : undefined, "SELECT $1")
              yield* backend.send(Message.commandComplete("SELECT 0"), idle)
            })
          )
        )
      )
    )
  )
})

describe("a mismatch", () => {
  it.effect("ends the causes of the client's error and kills the layer", () =>
    Effect.gen(function* () {
      const exit = yield* exitOf(
        names(),
        connected((backend) => backend.expect("DELETE"))
      )
      const expected = 'a statement that begins with "DELETE" | Execute of "SELECT name FROM country"'
      assert.strictEqual(mismatchOf(exit), expected)
      const [failure] = Exit.isFailure(exit) ? Cause.failures(exit.cause) : []
      assert.ok(PostgresError.is(failure))
      assert.strictEqual(failure.reason._tag, "ConnectionLost")
      assert.strictEqual(innermost(failure), mismatchesOf(exit)[0])
    })
  )

  it.effect("is what a test runner prints, as the cause of the error it prints", () =>
    Effect.gen(function* () {
      const exit = yield* exitOf(
        names(),
        connected((backend) => backend.expect("DELETE"))
      )
      const printed = Exit.isFailure(exit) ? Cause.prettyErrors(exit.cause) : []
      assert.match(String(innermost(printed[0])), /expected {2}a statement that begins with "DELETE"/)
      assert.match(String(printed[1]), /received {2}Execute of "SELECT name FROM country"/)
    })
  )

  it.effect("fails a program that expected its query to fail", () =>
    Effect.gen(function* () {
      const program = Effect.flip(names())
      assert.match(yield* mismatchIn(program, (backend) => backend.expect("DELETE")), /DELETE/)
    })
  )

  it.effect("fails the layer itself when the start-up is not what the script says", () =>
    Effect.gen(function* () {
      const exit = yield* exitOf(names(), (backend) => backend.expect("SSLRequest"))
      assert.strictEqual(mismatchOf(exit), "SSLRequest | StartupMessage 3.0")
    })
  )

  it.effect("is a statement after the end of the script", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* mismatchIn(Query.script("SELECT 1"), () => Effect.void),
        'nothing more: the script has ended | Query "SELECT 1"'
      )
    })
  )

  it.effect("is a script that expects more before it has answered", () =>
    Effect.gen(function* () {
      const programs: ReadonlyArray<Effect.Effect<unknown, PostgresError, Postgres>> = [
        names(),
        Query.script("SELECT name FROM country")
      ]
      for (const program of programs) {
        const exit = yield* exitOf(
          program,
          connected((backend) => Effect.zipRight(backend.expect("SELECT name"), backend.expect("COMMIT")))
        )
        const [defect] = Exit.isFailure(exit) ? Cause.defects(exit.cause) : []
        assert.match(String(defect), /"SELECT name FROM country" has not been answered up to ReadyForQuery/)
      }
    })
  )

  it.effect("is a script that ends while the client waits", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* mismatchIn(names(), (backend) => backend.expect("SELECT")),
        "the script's answer to the client, which waits | the end of the script"
      )
    })
  )

  it.effect("is a client that goes while the script waits for more", () =>
    Effect.gen(function* () {
      const script = (backend: Backend) =>
        Effect.gen(function* () {
          yield* backend.expect("SELECT")
          yield* backend.send(...twoNames, Message.commandComplete("SELECT 2"), idle)
          yield* backend.expect("DELETE")
        })
      assert.strictEqual(yield* mismatchIn(names(), script), 'a statement that begins with "DELETE" | Terminate')
    })
  )

  it.effect("is a client that is interrupted while the script waits, and is written to stderr", () =>
    Effect.gen(function* () {
      const written = vi.spyOn(process.stderr, "write").mockReturnValue(true)
      const asked = yield* Deferred.make<void>()
      const script: Script = connected((backend) =>
        Effect.gen(function* () {
          yield* backend.expect("SELECT")
          yield* Deferred.succeed(asked, undefined)
          yield* backend.expect("Sync", "Query")
        })
      )
      const fiber = yield* Effect.fork(
        Effect.provide(
          names(),
          ScriptedBackend.layer((backend) => (backend.connection === 1 ? script(backend) : backend.silence))
        )
      )
      yield* Deferred.await(asked)
      const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 minute")
      const exit = yield* Fiber.join(interruption)
      // nobody answers the cancel: the connection is dropped at cancelTimeout
      assert.match(mismatchOf(exit), /^Query .* \| the end of the connection: the client has dropped it/)
      // a runner whose test has run out of time looks at no cause
      assert.match(String(written.mock.calls[0]?.[0]), /^ScriptedBackend, interrupted: .*\n {2}expected {2}Query/)
      written.mockRestore()
    })
  )

  it.effect("is a script that waits for something else at the end", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* mismatchIn(Effect.void, () => Effect.never),
        "what the script still waits for: something that is not the client | the end of the test"
      )
    })
  )

  it.effect("is reported for each connection, in the order they were made", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.scoped(
        Effect.gen(function* () {
          const { connect } = yield* Transport
          const endpoint = { host: "h", port: 1, database: "d", user: "u" }
          const first = yield* connect(endpoint)
          const second = yield* connect(endpoint)
          for (const duplex of [second, first]) yield* duplex.end
        })
      ).pipe(Effect.provide(ScriptedBackend.transport((backend) => backend.receive)), Effect.exit)
      assert.deepStrictEqual(
        mismatchesOf(exit).map(({ connection }) => connection),
        [1, 2]
      )
    })
  )

  it.effect("can be caught by the script", () =>
    Effect.gen(function* () {
      const script = (backend: Backend) =>
        backend.expect("DELETE").pipe(
          Effect.catchTag("ScriptMismatch", ({ received }) => {
            assert.strictEqual(received, 'Execute of "SELECT name FROM country"')
            return backend.cutConnection
          })
        )
      const exit = yield* exitOf(names(), connected(script))
      assert.deepStrictEqual(mismatchesOf(exit), [])
      assert.isTrue(Exit.isFailure(exit))
    })
  )

  it.effect("says both sides and the conversation", () =>
    Effect.gen(function* () {
      const exit = yield* exitOf(Query.script("SELECT name\n  FROM country"), (backend) =>
        Effect.gen(function* () {
          yield* backend.receiveOf("StartupMessage")
          yield* backend.send(Message.authenticationOk(), idle)
          yield* backend.expect("BEGIN", "SELECT name", "COMMIT")
        })
      )
      assert.strictEqual(
        mismatchesOf(exit)[0]?.message,
        `the client does not do what the script expects, on connection 1
  expected  a statement that begins with "BEGIN" (step 1 of "BEGIN", "SELECT name", "COMMIT")
  received  Query "SELECT name FROM country"
  so far
    F StartupMessage 3.0
    B AuthenticationOk
    B ReadyForQuery I
    F Query "SELECT name FROM country"`
      )
    })
  )

  it.effect("of another kind, a defect of the script, is told as loudly", () =>
    Effect.gen(function* () {
      const exit = yield* exitOf(
        names(),
        connected((backend) =>
          Effect.zipRight(backend.expect("SELECT name"), Effect.die(new Error("a bug of the test")))
        )
      )
      const defects = Exit.isFailure(exit) ? [...Cause.defects(exit.cause)] : []
      assert.deepStrictEqual(defects.map(String), ["Error: a bug of the test"])
    })
  )
})

describe("the wire", () => {
  const endpoint = { host: "h", port: 1, database: "d", user: "u" }
  const on = (script: Script) => Effect.provide(ScriptedBackend.transport(script))
  const connect = Effect.flatMap(Transport, (transport) => transport.connect(endpoint))
  const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes))
  const bytes = (text: string) => new TextEncoder().encode(text)

  it.effect("delivers what was said before the end, then the end", () =>
    Effect.gen(function* () {
      const duplex = yield* connect
      assert.strictEqual(text(yield* duplex.read), "one")
      assert.strictEqual(text(yield* duplex.read), "two")
      assert.strictEqual(yield* duplex.read, undefined)
      assert.strictEqual(yield* duplex.read, undefined)
    }).pipe(
      Effect.scoped,
      on((backend) =>
        Effect.gen(function* () {
          yield* backend.sendBytes(bytes("one"))
          yield* backend.sendBytes(bytes("two"))
          yield* backend.endConnection
        })
      )
    )
  )

  it.effect("delivers what was said before the cut, then fails", () =>
    Effect.gen(function* () {
      const duplex = yield* connect
      assert.strictEqual(text(yield* duplex.read), "one")
      const error = yield* Effect.flip(duplex.read)
      assert.strictEqual(error.reason._tag, "ConnectionLost")
    }).pipe(
      Effect.scoped,
      on((backend) => Effect.zipRight(backend.sendBytes(bytes("one")), backend.cutConnection))
    )
  )

  it.effect("keeps bytes for the next read when a read is interrupted", () =>
    Effect.gen(function* () {
      const duplex = yield* connect
      const reading = yield* Effect.fork(duplex.read)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(reading)
      duplex.write(bytes("go"))
      assert.strictEqual(text(yield* duplex.read), "gone")
    }).pipe(
      Effect.scoped,
      on((backend) =>
        Effect.gen(function* () {
          assert.strictEqual(text(yield* backend.receiveBytes), "go")
          yield* backend.sendBytes(bytes("gone"))
          assert.strictEqual(yield* backend.expectEnd, "destroyed")
        })
      )
    )
  )

  it.effect("tells a dropped socket from an orderly end", () =>
    Effect.gen(function* () {
      const first = yield* connect
      const second = yield* connect
      first.destroy()
      assert.strictEqual(yield* first.read, undefined)
      yield* second.end
    }).pipe(
      Effect.scoped,
      on((backend) =>
        Effect.map(backend.expectEnd, (departure) =>
          assert.strictEqual(departure, backend.connection === 1 ? "destroyed" : "FIN")
        )
      )
    )
  )

  it.effect("suspends a writer until the script has read", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      yield* Effect.gen(function* () {
        const duplex = yield* connect
        duplex.write(new Uint8Array(3 * 1024 * 1024))
        assert.strictEqual(duplex.buffered(), 3 * 1024 * 1024)
        const waiting = yield* Effect.fork(duplex.drained)
        yield* Effect.yieldNow()
        assert.isNull(waiting.unsafePoll())
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.join(waiting)
        assert.strictEqual(duplex.buffered(), 0)
      }).pipe(
        Effect.scoped,
        on((backend) => Effect.zipRight(Deferred.await(go), Effect.zipRight(backend.receiveBytes, backend.silence)))
      )
    })
  )

  it.effect("upgrades to TLS when the script has the handshake go well, and shows its certificate", () =>
    Effect.gen(function* () {
      const duplex = yield* connect
      const secure = yield* duplex.startTls({ serverName: "h", verify: "chain-and-name" })
      assert.deepStrictEqual(secure.peerCertificate, bytes("certificate"))
      secure.write(bytes("hello"))
      assert.strictEqual(text(yield* secure.read), "secret")
    }).pipe(
      Effect.scoped,
      on((backend) =>
        Effect.gen(function* () {
          const options = yield* backend.handshake({ certificate: bytes("certificate") })
          assert.strictEqual(options.verify, "chain-and-name")
          assert.strictEqual(text(yield* backend.receiveBytes), "hello")
          yield* backend.sendBytes(bytes("secret"))
        })
      )
    )
  )

  it.effect("refuses TLS over bytes in clear text, and fails a handshake that is cut", () =>
    Effect.gen(function* () {
      const first = yield* connect
      yield* Effect.yieldNow()
      const early = yield* Effect.flip(first.startTls({ serverName: "h", verify: "none" }))
      assert.strictEqual(early.reason._tag, "TlsFailed")
      const second = yield* connect
      const cut = yield* Effect.flip(second.startTls({ serverName: "h", verify: "none" }))
      assert.strictEqual(cut.reason._tag, "TlsFailed")
    }).pipe(
      Effect.scoped,
      on((backend) => (backend.connection === 1 ? backend.sendBytes(bytes("S!")) : backend.cutConnection))
    )
  )

  it.effect("says nothing that a decoder of the protocol would refuse", () =>
    Effect.gen(function* () {
      const duplex = yield* connect
      const decoder = makeBackendDecoder()
      const heard: Array<string> = []
      for (let chunk = yield* duplex.read; chunk !== undefined; chunk = yield* duplex.read) {
        heard.push(...decoder.push(chunk).map(({ _tag }) => _tag))
      }
      decoder.finish()
      assert.include(heard, "CopyData")
      assert.include(heard, "NotificationResponse")
    }).pipe(
      Effect.scoped,
      on((backend) =>
        Effect.gen(function* () {
          yield* backend.openSession
          yield* backend.send(
            Message.noticeResponse({ sqlState: "00000", message: "hello" }),
            Message.notificationResponse("channel", "payload"),
            Message.parameterStatus("TimeZone", "UTC"),
            Message.copyOutResponse("text", 1),
            Message.copyData("one row"),
            Message.copyDone(),
            Message.copyInResponse("binary", 2),
            Message.copyBothResponse("text", 0),
            Message.functionCallResponse(null),
            Message.emptyQueryResponse(),
            Message.portalSuspended(),
            Message.closeComplete(),
            Message.noData(),
            idle
          )
          yield* backend.endConnection
        })
      )
    )
  )
})

describe("scripted SCRAM", () => {
  const ask = (password: string, script: Script) =>
    Effect.exit(Effect.provide(Effect.void, ScriptedBackend.layer(script, { password: Redacted.make(password) })))

  const server =
    (
      options: Parameters<Backend["scram"]>[0],
      after: (backend: Backend, proven: boolean) => Effect.Effect<void>
    ): Script =>
    (backend) =>
      Effect.gen(function* () {
        yield* backend.receiveOf("StartupMessage")
        const { proven } = yield* backend.scram(options)
        yield* after(backend, proven)
      })

  it.effect("proves both sides to one another", () =>
    Effect.gen(function* () {
      const exit = yield* ask(
        "pencil",
        server({ password: "pencil" }, (backend, proven) => {
          assert.isTrue(proven)
          return backend.openSession
        })
      )
      assert.isTrue(Exit.isSuccess(exit))
    })
  )

  it.effect("tells a client that it does not know the password", () =>
    Effect.gen(function* () {
      const exit = yield* ask(
        "pen",
        server({ password: "pencil" }, (backend, proven) => {
          assert.isFalse(proven)
          return Effect.asVoid(backend.silence)
        })
      )
      assert.match(String(exit), /the password is wrong/)
    })
  )

  it.effect("goes wrong where the script says", () =>
    Effect.gen(function* () {
      const forged = yield* ask(
        "pencil",
        server({ password: "pencil", serverFinal: () => `v=${"A".repeat(43)}=` }, (backend) =>
          Effect.asVoid(backend.silence)
        )
      )
      assert.match(String(forged), /signature is wrong/)
    })
  )
})
