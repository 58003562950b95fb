// Whatever byte the connection of a COPY ends at, in either direction: what the client says is what the table holds, the pool opens another
// connection, and a consumer gets no row that was not sent whole. Every thirty-first byte; every one in the long profile.
import { assert, describe, it } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import type { Direction } from "@pgfx/testing"
import type { ConnectionFacts } from "@pgfx/testing/server/cluster"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Copy, type Postgres, type PostgresError, Query, Transaction } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "../faults/profile.ts"
import { behind, faultProxy, healthy, latest, single, trustingServer } from "../faults/session.ts"

const Line = Schema.Struct({ n: Schema.Int, line: Schema.String })
type Line = typeof Line.Type

const load = Copy.in(Line)`COPY cut_lines FROM STDIN (FORMAT binary)`
const dump = Copy.out(Line)`COPY (SELECT n, 'line' AS line FROM generate_series(1, 5) n) TO STDOUT (FORMAT csv)`
const sent = Query.all(Schema.Int)`SELECT n FROM cut_lines`
const line = (n: number): Line => ({ n, line: "line" })

/** A connection that was cut behind the last answer may not know it yet. */
const healthyAgain = Effect.retry(healthy, { times: 3, while: (error: PostgresError) => error._tag === "Broken" })

/** Six digits each, so that every run has as many bytes as every other. */
let ids = 100_000

type Outcome = "success" | PostgresError["outcome"]

interface Case {
  readonly ids: ReadonlyArray<number>
  readonly outcome: Outcome
  readonly at: string
}

interface Scenario {
  readonly run: (ids: ReadonlyArray<number>) => Effect.Effect<unknown, PostgresError, Postgres>
  readonly stores: boolean
}

const rowsOf = (ids: ReadonlyArray<number>) => Stream.rechunk(Stream.fromIterable(ids.map(line)), 1)

const scenarios: Readonly<Record<string, Scenario>> = {
  "COPY FROM STDIN": {
    run: (ids) => Stream.run(rowsOf(ids), load),
    stores: true
  },
  "COPY FROM STDIN in a transaction": {
    run: (ids) => Transaction.run(Stream.run(rowsOf(ids), load)),
    stores: true
  },
  "COPY TO STDOUT": {
    run: () =>
      Effect.gen(function* () {
        const taken: Array<Line> = []
        const ended = yield* Effect.either(Stream.runForEach(dump, (row) => Effect.sync(() => taken.push(row))))
        // whole rows, in order, from the first one; all of them if it says so
        assert.deepStrictEqual(taken, [1, 2, 3, 4, 5].slice(0, taken.length).map(line))
        if (Either.isLeft(ended)) return yield* ended.left
        assert.strictEqual(taken.length, 5)
      }),
    stores: false
  }
}

const matrix = (server: ConnectionFacts, { run, stores }: Scenario) =>
  Effect.gen(function* () {
    const observer = single(server)
    const table = Query.script("CREATE TABLE IF NOT EXISTS cut_lines (n int4, line text)")
    yield* Effect.provide(table, observer)
    const proxy = yield* faultProxy(server)
    const cases: Array<Case> = []
    const runCase = (direction: Direction, at: number) =>
      Effect.gen(function* () {
        // the connection that is to be cut is there, and knows the types
        yield* healthyAgain
        const own = [ids++, ids++]
        const connection = latest(proxy)
        connection.arm(direction, at, "cut")
        const exit = yield* Effect.either(run(own))
        const fired = connection.hasFired()
        connection.disarm(direction)
        if (fired) yield* Effect.promise(() => connection.serverDone)
        // on another connection, if that one is gone
        yield* healthyAgain
        const outcome = Either.isRight(exit) ? ("success" as const) : exit.left.outcome
        if (!fired) assert.strictEqual(outcome, "success")
        cases.push({ ids: own, outcome, at: `${direction} byte ${at}` })
        return fired
      })
    yield* Effect.gen(function* () {
      for (const direction of ["toServer", "toClient"] as const)
        for (let at = 0; yield* runCase(direction, at); at += amount(31, 1));
    }).pipe(Effect.provide(NodePostgres.layer({ url: Redacted.make(behind(server, proxy).url), pool: { max: 1 } })))
    const found = new Set(yield* Effect.provide(sent(), observer))
    const lies = cases.filter(({ ids, outcome }) => {
      const there = ids.filter((id) => found.has(id)).length
      if (there === 1) return true
      return outcome === "success" ? stores !== there > 0 : outcome !== "Unknown" && there > 0
    })
    assert.deepStrictEqual(lies, [])
    assert.isAbove(cases.length, amount(10, 140))
  }).pipe(Effect.scoped)

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    const server = trustingServer(majorVersion)
    for (const [name, scenario] of Object.entries(scenarios)) {
      it.live(
        `Y-4: ${name}, cut at any byte both ways, is told as it is`,
        () => matrix(server(), scenario),
        withinMinutes(1, 10)
      )
    }
  })
}
