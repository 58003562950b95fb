// The types of one database, as far as anybody has needed them: built-in ones from the start, the user's own as the catalogue describes
// them. Shared by all connections. Asks nobody; what is missing is asked for by exchange/learnTypes.
import { builtinTypes, type Codec, decodeTypes, makeTypeRegistry, type TypeRegistry, ValueError } from "@pgfx/codecs"
import type { Description } from "./StatementCache.ts"

/** No type has to be asked for. */
export const none: ReadonlyArray<number> = []

export class TypeStore {
  registry: TypeRegistry

  /** `codecs`: of the user's own, found by name */
  constructor(codecs: ReadonlyArray<Codec> = []) {
    this.registry = codecs.length === 0 ? builtinTypes : makeTypeRegistry(codecs)
  }

  /** What has to be asked for before values of these types can be read or written. */
  missing(oids: ReadonlyArray<number>): ReadonlyArray<number> {
    return this.registry.missing(oids)
  }

  /** The same of a statement, remembered in its description: asked at every execution. */
  missingOf(description: Description): ReadonlyArray<number> {
    if (description.completeIn === this.registry) return none
    const { columns = [], parameterTypes } = description
    const missing = this.missing([...parameterTypes, ...columns.map((column) => column.typeOid)])
    if (missing.length === 0) description.completeIn = this.registry
    return missing
  }

  /** The catalogue's answer to a question for `asked`. What it does not describe stays text, and is not asked for again. */
  learn(rows: ReadonlyArray<ReadonlyArray<string | null>>, asked: ReadonlyArray<number>): void {
    try {
      this.registry = this.registry.learn(decodeTypes(rows), asked)
    } catch (error) {
      if (!(error instanceof ValueError)) throw error
      // Not rows of PostgreSQL's catalogue: a server that only resembles it. Its types are read as text.
      this.registry = this.registry.learn([], asked)
    }
  }
}
