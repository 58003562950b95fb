// The full picture of an error, after style.md §6: what happened, where (the statement, its place in the program, the SQL with a caret),
// with what (parameters), what now (hint, state of the connection). Plain text of several lines; colour is the printer's business.
import type { FailureOptions, Outcome, Reason, ServerReport } from "../../PostgresError.ts"
import { advice } from "./advice.ts"
import { renderCaret } from "./caret.ts"
import { caretLabel } from "./caretLabel.ts"
import { evidence } from "./evidence.ts"
import { firstFailure, place } from "./place.ts"
import { lines, oneLine } from "./plainText.ts"
import { sentence } from "./sentence.ts"
import { shownDetail, shownInternalQuery, shownWhere } from "./shown.ts"
import { standing } from "./standing.ts"
import { withParameters } from "./withParameters.ts"

type Options = FailureOptions<Reason, Outcome>
type Block = ReadonlyArray<string>
/** A label and its lines. */
type Field = readonly [label: string, value: Block]

const indented = (block: Block): Block => block.map((line) => (line === "" ? "" : `  ${line}`))

const reportOf = (reason: Reason): ServerReport | undefined => ("report" in reason ? reason.report : undefined)

/** SQL is shown where it helps to find the mistake: the server spoke about it, or it took too long. */
const sql = ({ reason, statement }: Options): Block => {
  const report = reportOf(reason)
  if (statement === undefined || (report === undefined && reason._tag !== "StatementTimeout")) return []
  return renderCaret({ sql: statement.sql, position: report?.position, label: caretLabel(report?.sqlState ?? "") })
}

const innerSql = (report: ServerReport | undefined, showValues: boolean): Block => {
  const inner = report === undefined ? undefined : shownInternalQuery(report, showValues)
  if (report === undefined || inner === undefined) return []
  const excerpt = renderCaret({ sql: inner, position: report.internalPosition, label: caretLabel(report.sqlState) })
  return excerpt.length === 0 ? [] : ["in a statement that the server ran for it", "", ...excerpt]
}

const notShown = "(not shown: it may hold values)"

const fieldsOf = (report: ServerReport | undefined, showValues: boolean): ReadonlyArray<Field> => {
  if (report === undefined) return []
  const detail = shownDetail(report, showValues)
  const where = shownWhere(report, showValues)
  return [
    ["detail", detail === undefined ? [notShown] : detail === "" ? [] : lines(detail)],
    ["where", [...where.lines.slice(0, 10).map((line) => oneLine(line, 300)), ...(where.withheld ? [notShown] : [])]]
  ]
}

const ofRow = (reason: Reason): Block => {
  if (reason._tag !== "InvalidRow" || reason.serverType === undefined) return []
  return [
    `${oneLine(reason.serverType, 100)}${reason.table === undefined ? "" : `, from table ${oneLine(reason.table, 100)}`}`
  ]
}

/** Values start in one column, behind the longest label. */
const table = (fields: ReadonlyArray<Field>): Block => {
  const told = fields.filter(([, value]) => value.length > 0)
  const width = Math.max(8, ...told.map(([label]) => label.length + 2))
  return told.flatMap(([label, value]) =>
    value.map((line, n) => `${(n === 0 ? label : "").padEnd(width)}${line}`.trimEnd())
  )
}

const numbered = (hints: ReadonlyArray<string>): Block =>
  hints.length < 2 ? hints : hints.map((hint, n) => `${n + 1}. ${hint}`)

export const renderErrorText = (tag: string, options: Options): string => {
  const { parameters, reason } = options
  const showValues = options.showValues === true
  const first = firstFailure(options)
  const where = place(options)
  const report = first === undefined ? reportOf(reason) : undefined
  const blocks: ReadonlyArray<Block> = [
    where === undefined ? [] : indented([where]),
    first === undefined ? indented(sql(options)) : [],
    indented(innerSql(report, showValues)),
    indented(evidence(reason)),
    indented(
      table([
        ["with", parameters === undefined || parameters.length === 0 ? [] : [withParameters(parameters, showValues)]],
        ["column", ofRow(reason)],
        ...fieldsOf(report, showValues),
        ["first", first === undefined ? [] : first.toString().split("\n")],
        ["hint", first === undefined ? numbered(advice(options)) : []],
        ["state", [standing(options)]]
      ])
    )
  ]
  return [[`${tag}  ${sentence(reason, showValues)}`], ...blocks]
    .filter((block) => block.length > 0)
    .map((block) => block.join("\n"))
    .join("\n\n")
}
