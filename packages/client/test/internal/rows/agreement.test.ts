// The compiled decoder agrees with `Schema.decodeUnknown` on the row in the chosen forms: values and failures, for generated Schemas and rows.
import { assert, describe, it } from "@effect/vitest"
import type { FormatCode } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as ParseResult from "effect/ParseResult"
import * as fc from "fast-check"
import { dropRows } from "../../../src/internal/rows/RowDecoding.ts"
import { RowPlan } from "../../../src/internal/rows/RowPlan.ts"
import { type AnySchema, type Column, rowSchemas } from "./schemas.ts"
import { same } from "./same.ts"
import { type Cell, frames, oidOf, types } from "./wire.ts"

interface Answer {
  readonly rows: ReadonlyArray<unknown>
  /** of the row that failed, from 1; `undefined`: all are good; a bug in the Schema is a defect */
  readonly failed: number | undefined | "died"
}

const planOf = (schema: AnySchema, columns: ReadonlyArray<Column>) =>
  new RowPlan(schema, types).prepare(columns.map(({ name, type }) => ({ name, typeOid: oidOf(type) })))

const cellsOf = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<unknown>>) =>
  rows.map((row) =>
    columns.map(({ from, name, type }, i): Cell => ({
      name,
      type,
      value: row[i],
      ...(from === undefined ? {} : { from })
    }))
  )

/** ParseResult on rows in the forms that the encoded side takes. */
const reference = (
  schema: AnySchema,
  columns: ReadonlyArray<Column>,
  cells: ReadonlyArray<ReadonlyArray<Cell>>,
  formats: ReadonlyArray<FormatCode>
): Answer => {
  const decoder = planOf(schema, columns).decoding(formats).encoded
  const decode = ParseResult.decodeUnknown(schema)
  const rows: Array<unknown> = []
  let run = frames(cells, formats)
  for (let row = 1; row <= cells.length; row++) {
    const forms: Array<unknown> = []
    try {
      decoder.decode({ ...run, count: 1 }, forms, row)
    } catch {
      return { rows, failed: row }
    }
    const exit = Effect.runSyncExit(Effect.suspend(() => Effect.either(decode(forms[0]))))
    if (Exit.isFailure(exit)) return { rows: [], failed: "died" }
    const decoded = exit.value
    if (Either.isLeft(decoded)) return { rows, failed: row }
    rows.push(decoded.right)
    run = dropRows(run, 1)
  }
  return { rows, failed: undefined }
}

const compiled = (
  schema: AnySchema,
  columns: ReadonlyArray<Column>,
  cells: ReadonlyArray<ReadonlyArray<Cell>>,
  formats: ReadonlyArray<FormatCode>
): Answer => {
  const prepared = planOf(schema, columns)
  const reader = prepared.open()
  const described = { tableOid: 0, tableColumn: 0, typeSize: -1, typeModifier: -1 }
  reader.describe(
    columns.map(({ name, type }, i) => ({ ...described, name, typeOid: oidOf(type), format: formats[i] ?? 0 }))
  )
  reader.rows(frames(cells, formats))
  const rows: Array<unknown> = []
  for (;;) {
    const exit = Effect.runSyncExit(Effect.either(reader.take()))
    if (Exit.isFailure(exit)) return { rows: [], failed: "died" }
    const taken = exit.value
    if (Either.isLeft(taken)) {
      assert.strictEqual(taken.left._tag, "InvalidRow")
      return { rows, failed: taken.left._tag === "InvalidRow" ? taken.left.row : -1 }
    }
    rows.push(...taken.right)
    if (reader.problem === undefined || taken.right.length === 0) return { rows, failed: undefined }
  }
}

const shown = (columns: ReadonlyArray<Column>, schema: AnySchema) =>
  `${String(schema)} over ${columns.map(({ name, type }) => `${JSON.stringify(name)} ${type}`).join(", ")}`

const isLong = process.env["PGFX_PROFILE"] === "long"

describe("compiled Schemas", () => {
  it("agree with ParseResult, values and failures, in both formats", { timeout: 120_000 }, () => {
    let [agreed, failed] = [0, 0]
    fc.assert(
      fc.property(rowSchemas, fc.boolean(), ({ columns, rows, schema }, text) => {
        const prepared = planOf(schema, columns)
        // a union with a class of other columns may be one that no statement fits
        fc.pre(prepared.mismatch === undefined)
        const formats = text ? prepared.formats.map((): FormatCode => 0) : prepared.formats
        const cells = cellsOf(columns, rows)
        const expected = reference(schema, columns, cells, formats)
        const actual = compiled(schema, columns, cells, formats)
        if (expected.failed === undefined) agreed++
        else failed++
        assert.strictEqual(actual.failed, expected.failed, shown(columns, schema))
        assert.isTrue(
          same(actual.rows, expected.rows),
          `${shown(columns, schema)}\ncompiled ${inspect(actual.rows)}\nexpected ${inspect(expected.rows)}`
        )
      }),
      { numRuns: isLong ? 20_000 : 1500 }
    )
    // a test that only ever saw one side would prove little
    assert.isAbove(agreed, 100)
    assert.isAbove(failed, 100)
  })
})

const inspect = (rows: ReadonlyArray<unknown>): string =>
  JSON.stringify(rows, (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value))
