// What COPY moves beside psql's \copy: the same bytes out, and what we wrote is loaded by psql as the same rows. Only where the machine has psql: the
// npm packages of PostgreSQL have none.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { spawn, spawnSync } from "node:child_process"
import { Copy, Query, Sql } from "pgfx"
import { inject } from "vitest"
import { amount, withinMinutes } from "../faults/profile.ts"
import { healthy, single } from "../faults/session.ts"
import { columns, definition, Row, rowsOf } from "./randomRows.ts"

const hasPsql = spawnSync("psql", ["--version"]).status === 0
if (!hasPsql) process.stdout.write("COPY is not compared with psql: this machine has none.\n")

const psql = (url: string, command: string, input?: Uint8Array): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const child = spawn("psql", ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", url, "-c", command])
    const pieces: Array<Buffer> = []
    let said = ""
    child.stdout.on("data", (piece: Buffer) => pieces.push(piece))
    child.stderr.on("data", (piece: Buffer) => (said += piece.toString()))
    child.on("error", reject)
    // it may end before it has read everything; its status says so
    child.stdin.on("error", () => undefined)
    child.stdin.end(input)
    child.on("close", (status) => (status === 0 ? resolve(Buffer.concat(pieces)) : reject(new Error(said))))
  })

// before version 18 psql takes a line with \. in it for the end of CSV, also inside quotes
const dialects = [
  { options: "(FORMAT text)", loads: true },
  { options: "(FORMAT text, DELIMITER '|', NULL '\\NULL')", loads: true },
  { options: "(FORMAT csv)", loads: false },
  { options: "(FORMAT csv, HEADER, DELIMITER ';', NULL '\\N')", loads: false },
  { options: "(FORMAT binary)", loads: true }
]

describe.runIf(hasPsql)("COPY beside psql", () => {
  for (const server of inject("postgres")) {
    for (const [n, { loads, options }] of dialects.entries()) {
      const table = Sql.identifier(`beside_psql_${n}`)
      const loaded = Sql.identifier(`beside_psql_${n}_loaded`)
      const form = Sql.unsafe(options, [])
      it.live(
        `moves the same as psql of ${server.majorVersion}: ${options}`,
        () =>
          Effect.gen(function* () {
            yield* Query.command`CREATE TABLE ${table} ${definition}`()
            yield* Query.command`CREATE TABLE ${loaded} ${definition}`()
            const rows = rowsOf(amount(1_000, 100_000), 77 + n)
            const load = Copy.in(Row)`COPY ${table} (${columns}) FROM STDIN ${form}`
            assert.strictEqual(yield* Stream.run(Stream.fromIterable(rows), load), rows.length)
            const out = Copy.outBytes`COPY (SELECT * FROM ${table} ORDER BY id) TO STDOUT ${form}`
            const ours = Buffer.concat([...(yield* Stream.runCollect(out))])
            const theirs = yield* Effect.promise(() =>
              psql(server.url, `\\copy (SELECT * FROM beside_psql_${n} ORDER BY id) TO STDOUT ${options}`)
            )
            assert.isTrue(ours.equals(theirs), `${ours.length} bytes of ours, ${theirs.length} of psql's`)
            if (loads) {
              yield* Effect.promise(() =>
                psql(server.url, `\\copy beside_psql_${n}_loaded FROM STDIN ${options}`, ours)
              )
              const differing = Query.one(Schema.Number)`
                SELECT (SELECT count(*) FROM (TABLE ${table} EXCEPT ALL TABLE ${loaded}) AS missing)::int4
                  + (SELECT count(*) FROM (TABLE ${loaded} EXCEPT ALL TABLE ${table}) AS added)::int4`
              assert.strictEqual(yield* differing(), 0)
            }
            yield* healthy
          }).pipe(
            Effect.ensuring(Effect.ignore(Query.command`DROP TABLE IF EXISTS ${table}, ${loaded}`())),
            Effect.provide(single(server))
          ),
        withinMinutes(0.5, 5)
      )
    }
  }
})
