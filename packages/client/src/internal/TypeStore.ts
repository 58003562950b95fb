// The types of one database, as far as anybody has needed them: built-in ones from the start, the user's own as the catalogue describes
// them. Shared by all connections. Asks nobody; what is missing is asked for by exchange/learnTypes.
import { builtinTypes, decodeTypes, type TypeRegistry, ValueError } from "@pgfx/codecs"

export class TypeStore {
  registry: TypeRegistry = builtinTypes

  /** What has to be asked for before values of these types can be read or written. */
  missing(oids: ReadonlyArray<number>): ReadonlyArray<number> {
    return this.registry.missing(oids)
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
