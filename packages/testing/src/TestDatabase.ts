// Real databases for tests: a fresh one per suite, a rolled-back transaction per test. Which server they are on is TestServer's to say,
// what carries the bytes is the Transport's.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Pool, type Postgres, type PostgresError, type Settings, Transaction, type Transport } from "pgfx"
import { databaseOf, serverOf, templateDatabase, testDatabase } from "./internal/testDatabases.ts"
import { TestServer } from "./TestServer.ts"

type Database<E, R> = Layer.Layer<Postgres | Pool, E | PostgresError, R | Transport>

const settings: Effect.Effect<Settings, PostgresError> = Effect.flatten(TestServer)

const layer: Database<never, never> = Layer.unwrapScoped(
  Effect.gen(function* () {
    const server = yield* settings
    return databaseOf({ ...server, database: yield* testDatabase(server) })
  })
)

/** Templates of this process, by what filled them and by server. */
const templates = new WeakMap<object, Map<string, string>>()
/** one at a time: the second suite waits for the first one's template */
const preparing = Effect.unsafeMakeSemaphore(1)

const templateOf = <E, R>(server: Settings, prepare: Effect.Effect<unknown, E, R>) =>
  preparing.withPermits(1)(
    Effect.gen(function* () {
      const known = templates.get(prepare) ?? new Map<string, string>()
      templates.set(prepare, known)
      const id = yield* serverOf(server)
      const found = known.get(id)
      if (found !== undefined) return found
      const made = yield* templateDatabase(server, prepare)
      known.set(id, made)
      return made
    })
  )

const layerWith = <E, R>(prepare: Effect.Effect<unknown, E, R>): Database<E, Exclude<R, Postgres | Pool>> =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      const server = yield* settings
      const template = yield* templateOf(server, prepare)
      return databaseOf({ ...server, database: yield* testDatabase(server, template) })
    })
  )

/**
 * Databases for tests, on the server of `TestServer`.
 *
 * @example
 * const Database = TestDatabase.layerWith(migrations).pipe(Layer.provide(NodeTransport.layer))
 *
 * layer(Database)("counters", (it) => {
 *   it.effect("starts from zero", () =>
 *     Effect.gen(function* () {
 *       const { n } = yield* count()
 *       assert.strictEqual(n, 0)
 *     }).pipe(TestDatabase.rollback)
 *   )
 * })
 *
 * @since 0.1.0
 * @category layers
 */
export const TestDatabase: {
  /** A fresh database, dropped at the end of the suite. */
  readonly layer: Layer.Layer<Postgres | Pool, PostgresError, Transport>
  /**
   * The same, copied from a template that `prepare` filled: once per process, server and `prepare` (the same value, not an equal one).
   * Templates outlive the suites; what is older than two hours and unused is dropped by the next process that makes one.
   */
  readonly layerWith: <E, R>(
    prepare: Effect.Effect<unknown, E, R>
  ) => Layer.Layer<Postgres | Pool, E | PostgresError, Transport | Exclude<R, Postgres | Pool>>
  /** Runs in a transaction that is rolled back, whatever comes of it; `Transaction.run` inside it is a savepoint. */
  readonly rollback: <A, E, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | PostgresError, Exclude<R, Transaction> | Postgres>
} = { layer, layerWith, rollback: Transaction.dryRun }
