// A statement after compilation of its template: what is sent, what fills `$1 …`, and what errors call it.
import type { StatementInfo } from "../PostgresError.ts"
import type { Placeholder, Source } from "./sql/template.ts"

export interface Statement {
  readonly info: StatementInfo
  readonly placeholders: ReadonlyArray<Placeholder>
  readonly sources: ReadonlyArray<Source>
  /** what its spans say besides */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined
}
