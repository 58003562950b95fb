// Starts PGlite and stops it with the Scope.
import { PGlite } from "@electric-sql/pglite"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface PGliteOptions {
  /** a folder of this machine, or any address PGlite knows (`idb://…`); absent: in memory */
  readonly dataDir?: string
}

/** Takes two to three seconds: the database is initialised unless the folder holds one. A PGlite that cannot start is a defect. */
export const openDatabase = (options: PGliteOptions): Effect.Effect<PGlite, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => (options.dataDir === undefined ? PGlite.create() : PGlite.create(options.dataDir))),
    (database) => Effect.promise(() => database.close())
  )
