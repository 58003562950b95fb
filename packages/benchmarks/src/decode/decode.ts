// `npm run bench -- decode`: how fast captured bytes become messages, rows and values, beside pg-protocol and the parser of @effect/sql-pg 4.
import { compare, type Result } from "../compare.ts"
import { loadSqlPg4 } from "../peersEffect4.ts"
import { capture } from "./capture.ts"
import {
  ourStrings,
  ourValues,
  ourViews,
  ourWalk,
  pgStrings,
  sqlPg4Strings,
  sqlPg4Values,
  sqlPg4Views
} from "./rowReaders.ts"
import { ourSmall, pgSmall, sqlPg4Small } from "./smallReaders.ts"

/** All comparisons, each reported when it is done. */
export const decode = async (rounds: number, report: (result: Result) => void): Promise<ReadonlyArray<Result>> => {
  const sqlPg4 = await loadSqlPg4()
  const { columns, rowCount, rows, small, smallMessages } = await capture()
  const width = columns.length
  const results: Array<Result> = []
  const run = (
    title: string,
    unit: string,
    units: number,
    contestants: Pick<Parameters<typeof compare>[0], "ours" | "peers">
  ) => {
    const result = compare({ title, unit, ...contestants }, rounds)
    if (result.units !== units) throw new Error(`${title}: ${result.units} ${unit}s, the server sent ${units}`)
    results.push(result)
    report(result)
  }
  run("rows to strings (text format)", "row", rowCount, {
    ours: ourStrings(rows.text, width),
    peers: [pgStrings(rows.text), sqlPg4Strings(sqlPg4, rows.text, width)]
  })
  run("rows to views (text format)", "row", rowCount, {
    ours: ourViews(rows.text, width),
    peers: [sqlPg4Views(sqlPg4, rows.text), ourWalk(rows.text, width)]
  })
  run("rows to values (binary format; pg-protocol has none)", "row", rowCount, {
    ours: ourValues(rows.binary, columns),
    peers: [sqlPg4Values(sqlPg4, rows.binary, columns)]
  })
  run("small messages", "message", smallMessages, {
    ours: ourSmall(small),
    peers: [pgSmall(small), sqlPg4Small(sqlPg4, small)]
  })
  return results
}
