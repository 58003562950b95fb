// Databases that come and go: created under a name of ours, dropped with the Scope, swept up later if a process was killed before that.
// Every call opens a connection of its own and closes it: a database with a session in it can be neither copied nor dropped.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Schema from "effect/Schema"
import { type Pool, Postgres, type PostgresError, Query, Retry, type Settings, Sql, type Transport } from "pgfx"

/** Longer than any test: the harness's own servers live two hours at most. */
const abandonedAfterSeconds = 2 * 60 * 60

/** By the wall clock: names are compared with those of other processes, whatever a TestClock says. */
const secondsNow = (): number => Math.floor(Date.now() / 1000)

/** `pgfx_test_` or `pgfx_template_`, the time in base 36, and 64 random bits. */
const newName = (kind: "test" | "template"): string => {
  const random = globalThis.crypto.getRandomValues(new Uint32Array(2))
  return `pgfx_${kind}_${secondsNow().toString(36)}_${[...random].map((n) => n.toString(36)).join("")}`
}

const ourName = /^pgfx_(?:test|template)_([0-9a-z]+)_[0-9a-z]+$/

export const isAbandoned = (name: string, now: number): boolean => {
  const made = Number.parseInt(ourName.exec(name)?.[1] ?? "", 36)
  return now - made > abandonedAfterSeconds
}

/** The database that the settings name. Connecting is tried once: a server for tests is there, or the suite fails. */
export const databaseOf = (settings: Settings): Layer.Layer<Postgres | Pool, PostgresError, Transport> =>
  Postgres.layer(settings).pipe(Layer.provide(Retry.layerNever))

/** Runs on a connection of its own. */
const on =
  (settings: Settings) =>
  <A, E, R>(
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | PostgresError, Exclude<R, Postgres | Pool> | Transport> =>
    Effect.provide(self, databaseOf(settings))

const create = (settings: Settings, name: string, template: string | undefined) =>
  on(settings)(
    template === undefined
      ? Query.command`CREATE DATABASE ${Sql.identifier(name)}`()
      : Query.command`CREATE DATABASE ${Sql.identifier(name)} TEMPLATE ${Sql.identifier(template)}`()
  )

/** Ends the sessions in it: a test that leaves one open shall not leave a database. */
const drop = (settings: Settings, name: string) =>
  on(settings)(Query.command`DROP DATABASE IF EXISTS ${Sql.identifier(name)} WITH (FORCE)`())

const names = Query.all(
  Schema.String
)`SELECT datname::pg_catalog.text FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.~~) 'pgfx\\_%'`

/** Whoever comes first drops what killed processes have left. One that is in use is not dropped, and not mentioned. */
const sweep = (settings: Settings): Effect.Effect<void, PostgresError, Transport> =>
  on(settings)(
    Effect.flatMap(names(), (found) =>
      Effect.forEach(
        found.filter((name) => isAbandoned(name, secondsNow())),
        (name) => Effect.ignore(Query.command`DROP DATABASE IF EXISTS ${Sql.identifier(name)}`()),
        { discard: true }
      )
    )
  )

const identity = Query.one(Schema.String)`
  SELECT pg_catalog.concat(pg_catalog.pg_postmaster_start_time(), ' ', pg_catalog.current_setting('port'))`

/** Says which server this is: settings that look different may lead to the same one. */
export const serverOf = (settings: Settings): Effect.Effect<string, PostgresError, Transport> =>
  on(settings)(identity())

let swept = false
const sweepOnce = (settings: Settings): Effect.Effect<void, PostgresError, Transport> =>
  Effect.suspend(() => {
    if (swept) return Effect.void
    swept = true
    return sweep(settings)
  })

/** A new database, empty or a copy, for as long as the Scope lives. Answers with its name. */
export const testDatabase = (
  settings: Settings,
  template?: string
): Effect.Effect<string, PostgresError, Transport | Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const name = newName("test")
      return Effect.as(Effect.zipRight(sweepOnce(settings), create(settings, name, template)), name)
    }),
    (name) =>
      Effect.catchAll(drop(settings, name), (error) =>
        Effect.logWarning(`pgfx: the test database ${name} could not be dropped: ${error.message}`)
      )
  )

/** A database that `prepare` has filled, to make copies of. If that fails, nothing is left. */
export const templateDatabase = <E, R>(settings: Settings, prepare: Effect.Effect<unknown, E, R>) =>
  Effect.suspend(() => {
    const name = newName("template")
    return sweepOnce(settings).pipe(
      Effect.zipRight(create(settings, name, undefined)),
      Effect.zipRight(
        Effect.onError(on({ ...settings, database: name })(prepare), () => Effect.ignore(drop(settings, name)))
      ),
      Effect.as(name)
    )
  })
