// Columns that may be NULL under Schemas that have no place for it. The protocol says nothing of it: RowDescription names a table and a column,
// the catalogue says whether that has NOT NULL. Warnings only: an outer join makes NULL of a NOT NULL column, and the check of every row stays.
import type { Finding } from "../../PostgresError.ts"
import type { ChosenColumns } from "./columns.ts"

/** The table's column that a column of the result is, as the catalogue knows it. */
export interface ColumnOrigin {
  readonly table: string
  readonly column: string
  /** neither the column nor its domain has NOT NULL */
  readonly nullable: boolean
}

/** `origins`: one per column of the result; `undefined` for expressions, of which nothing is known. */
export const nullabilityFindings = (
  { columns }: ChosenColumns,
  origins: ReadonlyArray<ColumnOrigin | undefined>
): ReadonlyArray<Finding> =>
  columns.flatMap(({ name, read }, i): ReadonlyArray<Finding> => {
    const origin = origins[i]
    if (read?.ifNull !== "refuse" || origin === undefined || !origin.nullable) return []
    const message = `may be NULL: ${origin.table}.${origin.column} has no NOT NULL`
    return [{ severity: "warning", at: { column: name }, message }]
  })
