import { Effect, Option } from "effect"
import { type CommandTag, Postgres, PostgresError, Transaction } from "pgfx"
import { changeEmail, EmailTaken, newestUsers, userById, UserId } from "./02-query.js"
import { PostgresLive } from "./09-pool-config.js"

// a repository that captures its database: callers see no Postgres
export class Users extends Effect.Service<Users>()("app/Users", {
  effect: Effect.gen(function* () {
    const here = Effect.provideService(Postgres, yield* Postgres)
    return {
      byId: (id: UserId) => userById({ id }).pipe(here),
      newest: (limit: number) => newestUsers({ since: new Date(0), limit }).pipe(here),
      changeEmail: (id: UserId, email: string) => changeEmail(id, email).pipe(here)
    }
  }),
  dependencies: [PostgresLive] // one exported Layer value, hence one pool in the whole application
}) {}

// and still takes part in the caller's transaction: membership goes by the pool, not by who captured what
export const swap = (a: UserId, b: UserId, email: string) =>
  Effect.flatMap(Users, (users) => Effect.zip(users.changeEmail(a, "-"), users.changeEmail(b, email))).pipe(
    Transaction.run
  )

// ---- the types a user sees
export const t1: Effect.Effect<Option.Option<unknown>, PostgresError, Users> = Effect.flatMap(Users, (users) =>
  users.byId(UserId.make(1))
)
export const t2: Effect.Effect<[CommandTag, CommandTag], PostgresError | EmailTaken, Users | Postgres> = swap(
  UserId.make(1),
  UserId.make(2),
  "a@b.c"
)
