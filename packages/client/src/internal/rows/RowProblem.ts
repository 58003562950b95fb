// Why the rows of a statement that the server carried out, or could carry out, are of no use to its row Schema.
import type { PermanentReason } from "../../PostgresError.ts"

/** What went wrong with the rows of a statement. Never holds a value. */
export type RowProblem = Extract<PermanentReason, { readonly _tag: "InvalidRow" | "StatementMismatch" }>
