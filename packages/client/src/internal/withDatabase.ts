// The database of the fiber's context, which every query and transaction begins with: one step for what `Effect.flatMap(Postgres, …)` takes four.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { Postgres } from "../Postgres.ts"
import { type Database, databaseOf } from "./database.ts"

export const withDatabase = <A, E, R>(
  use: (database: Database, context: Context.Context<Postgres>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Postgres> =>
  Effect.withFiberRuntime((fiber) => {
    // what is required is in the context, by the type of the result
    const context = fiber.getFiberRef(FiberRef.currentContext) as Context.Context<Postgres>
    return use(databaseOf(Context.get(context, Postgres)), context)
  })
