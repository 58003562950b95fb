// Peers that need Effect 4 live in a folder with a lockfile of its own (peers-effect4), outside the workspace, so that their `effect` does not mix
// with ours. Installed on first use.
import { pathToFileURL } from "node:url"
import { installPeers } from "./suite/install.ts"

/** What the benchmarks use of @effect/sql-pg 4, `PgProtocol` and `PgTypes`. */
export interface SqlPg4 {
  readonly makeParser: (options?: {
    readonly readField?: ((bytes: Uint8Array, offset: number, size: number, column: number) => unknown) | undefined
  }) => {
    readonly pushEach: (chunk: Uint8Array, onMessage: (message: SqlPg4Message) => void) => void
  }
  /** throws what the library's Result holds as its failure */
  readonly fieldReader: (
    columns: ReadonlyArray<{ readonly dataTypeOid: number; readonly format: number }>
  ) => (bytes: Uint8Array, offset: number, size: number, column: number) => unknown
}

export type SqlPg4Message =
  | { readonly _tag: "DataRow"; readonly values: ReadonlyArray<unknown> }
  | { readonly _tag: "CommandComplete"; readonly commandTag: string }
  | { readonly _tag: "ReadyForQuery" }
  | { readonly _tag: "NoticeResponse" }

interface Modules {
  readonly protocol: { readonly makeParser: SqlPg4["makeParser"] }
  readonly types: { readonly makeFieldReader: (columns: Parameters<SqlPg4["fieldReader"]>[0]) => unknown }
  readonly result: { readonly getOrThrow: (result: unknown) => ReturnType<SqlPg4["fieldReader"]> }
}

export const loadSqlPg4 = async (): Promise<SqlPg4> => {
  const place = pathToFileURL(installPeers("peers-effect4"))
  const load = (path: string): Promise<unknown> => import(new URL(`node_modules/${path}`, place).href)
  const [protocol, types, result] = await Promise.all([
    load("@effect/sql-pg/dist/PgProtocol.js"),
    load("@effect/sql-pg/dist/PgTypes.js"),
    load("effect/dist/Result.js")
  ])
  // modules without types here: `verify` of each comparison says whether they are what they are taken for
  const modules = { protocol, types, result } as Modules
  return {
    makeParser: modules.protocol.makeParser,
    fieldReader: (columns) => modules.result.getOrThrow(modules.types.makeFieldReader(columns))
  }
}
