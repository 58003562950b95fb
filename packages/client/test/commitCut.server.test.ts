// G7, T-1: whatever byte a connection ends at, what the client says about the work is what the server's table says. Every statement, BEGIN
// and COMMIT, and the answers to them, are cut at every byte; further kinds of work at every seventh, and at every one in the long profile.
import { assert, describe, it } from "@effect/vitest"
import type { Direction, Fault } from "@pgfx/testing"
import type { ConnectionFacts } from "@pgfx/testing/server/cluster"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { param, type Postgres, type PostgresError, Query, Transaction } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "./faults/profile.ts"
import { behind, discarded, faultProxy, healthy, latest, single, trustingServer } from "./faults/session.ts"

const table = Query.script(`
  CREATE TABLE IF NOT EXISTS cut (id int4 PRIMARY KEY, note text);
  CREATE TABLE IF NOT EXISTS cut_deferred (id int4 PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
`)
const insert = Query.command`INSERT INTO cut VALUES (${param("id", Schema.Int)}, 'a')`
const insertReturning = Query.one(Schema.Struct({ id: Schema.Number }))`
  INSERT INTO cut VALUES (${param("id", Schema.Int)}, 'b') RETURNING id`
const insertBounded = Query.command({
  timeout: "1 minute"
})`INSERT INTO cut VALUES (${param("id", Schema.Int)}, 'c')`
const update = Query.command`UPDATE cut SET note = 'd' WHERE id = ${param("id", Schema.Int)}`
const insertDeferred = Query.command`INSERT INTO cut_deferred VALUES (${param("id", Schema.Int)})`
const present = Query.all(Schema.Number)`SELECT id FROM cut UNION ALL SELECT id FROM cut_deferred`

/** Six digits each, so that every run has as many bytes as every other. */
let ids = 100_000

interface Scenario {
  /** calls `commits` where COMMIT is about to be sent; in autocommit any byte may be the deciding one, and it is not called */
  readonly work: (id: number, commits: () => void) => Effect.Effect<unknown, PostgresError, Postgres>
  /** what becomes of it if nothing is cut */
  readonly otherwise: "success" | "RolledBack"
  /** bytes from one cut to the next */
  readonly stride: number
  /** runs twice before it is cut, so that its statements are prepared */
  readonly warm?: boolean
}

const further = amount(7, 1)

const scenarios: Readonly<Record<string, Scenario>> = {
  "a transaction": {
    work: (id, commits) => Transaction.run(Effect.zipLeft(insert({ id }), Effect.sync(commits))),
    otherwise: "success",
    stride: 1
  },
  "a statement on its own": { work: (id) => insert({ id }), otherwise: "success", stride: 1 },
  "a statement that was prepared before": {
    work: (id) => insert({ id }),
    otherwise: "success",
    stride: further,
    warm: true
  },
  "a transaction with statements side by side and a savepoint": {
    work: (id, commits) =>
      Transaction.run(
        Effect.gen(function* () {
          yield* insert({ id })
          yield* Effect.all([update({ id }), update({ id })], { concurrency: "unbounded" })
          yield* Transaction.run(update({ id }))
          commits()
        })
      ),
    otherwise: "success",
    stride: further
  },
  "a transaction whose COMMIT fails": {
    work: (id, commits) =>
      Transaction.run(
        Effect.zipLeft(Effect.zipRight(insertDeferred({ id }), insertDeferred({ id })), Effect.sync(commits))
      ),
    otherwise: "RolledBack",
    stride: further
  },
  "a transaction whose COMMIT is answered with ROLLBACK": {
    // by a statement whose error the body has swallowed
    work: (id, commits) =>
      Transaction.run(
        insert({ id }).pipe(
          Effect.zipRight(Effect.ignore(Query.command`SELECT 1 / 0`())),
          Effect.zipLeft(Effect.sync(commits))
        )
      ),
    otherwise: "RolledBack",
    stride: further
  },
  "a statement that fails": {
    work: (id) =>
      Effect.zipRight(update({ id }), Query.command`INSERT INTO cut SELECT ${param("id", Schema.Int)}, 1 / 0`({ id })),
    otherwise: "RolledBack",
    stride: further
  },
  "a statement that returns rows": { work: (id) => insertReturning({ id }), otherwise: "success", stride: further },
  "a statement with a time-out": { work: (id) => insertBounded({ id }), otherwise: "success", stride: further },
  "a script": {
    work: (id) => Query.script(`INSERT INTO cut VALUES (${id}, 'e')`),
    otherwise: "success",
    stride: further
  }
}

interface Case {
  readonly direction: Direction
  readonly at: number
  readonly id: number
  readonly outcome: string
  /** COMMIT was about to be sent: from here on nobody may know */
  readonly committing: boolean
  readonly fired: boolean
}

const outcomeOf = (exit: Exit.Exit<unknown, PostgresError>): string => {
  if (Exit.isSuccess(exit)) return "success"
  const failure = Cause.failureOption(exit.cause)
  return Option.isSome(failure) ? failure.value.outcome : `defect: ${Cause.pretty(exit.cause)}`
}

/** `undefined`: it was the truth. */
const lie = (
  { at, committing, direction, id, outcome }: Case,
  found: ReadonlySet<number>,
  autocommit: boolean
): string | undefined => {
  const there = found.has(id)
  const right =
    outcome === "success"
      ? there
      : outcome === "NotSent" || outcome === "RolledBack"
        ? !there
        : outcome === "Unknown" && (autocommit || committing)
  return right ? undefined : `${direction} byte ${at}: ${outcome}, and the row is ${there ? "there" : "not there"}`
}

const runCase = (
  { warm, work }: Scenario,
  place: { readonly url: string },
  proxy: Parameters<typeof latest>[0],
  [direction, at, fault]: readonly [Direction, number, Fault]
) =>
  Effect.gen(function* () {
    if (warm === true) for (const _ of [1, 2]) yield* work(ids++, () => undefined)
    const id = ids++
    let committing = false
    const connection = latest(proxy)
    connection.arm(direction, at, fault)
    const exit = yield* Effect.exit(
      work(id, () => {
        committing = true
      })
    )
    const fired = connection.hasFired()
    connection.disarm(direction)
    if (!fired) yield* healthy
    else
      yield* Effect.zipRight(
        Effect.promise(() => connection.serverDone),
        discarded
      )
    return { direction, at, id, outcome: outcomeOf(exit), committing, fired }
  }).pipe(Effect.provide(single(place)))

const matrix = (server: ConnectionFacts, scenario: Scenario, fault: Fault) =>
  Effect.gen(function* () {
    const observer = single(server)
    yield* Effect.provide(table, observer)
    const proxy = yield* faultProxy(server)
    const cases: Array<Case> = []
    for (const direction of ["toServer", "toClient"] as const) {
      for (let at = 0; ; at += scenario.stride) {
        const one = yield* runCase(scenario, behind(server, proxy), proxy, [direction, at, fault])
        cases.push(one)
        if (!one.fired) break
      }
    }
    const found = new Set(yield* Effect.provide(present(), observer))
    const autocommit = cases.every(({ committing }) => !committing)
    const lies = cases.map((one) => lie(one, found, autocommit)).filter((text) => text !== undefined)
    assert.deepStrictEqual(lies, [])
    // There was something to cut in both directions, and what was not cut went as it should.
    assert.isAbove(cases.length, 60 / scenario.stride)
    const uncut = cases.filter(({ fired }) => !fired).map(({ outcome }) => outcome)
    assert.deepStrictEqual(uncut, [scenario.otherwise, scenario.otherwise])
  }).pipe(Effect.scoped)

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    const server = trustingServer(majorVersion)

    for (const [name, scenario] of Object.entries(scenarios)) {
      it.live(
        `T-1: ${name}, cut at every byte both ways, is told as it is`,
        () => matrix(server(), scenario, "cut"),
        withinMinutes(1, 10)
      )
    }

    it.live(
      "X-6: a transaction, reset at every byte both ways, is told as it is",
      () => matrix(server(), { ...scenarios["a transaction"]!, stride: further }, "reset"),
      withinMinutes(1, 10)
    )
  })
}
