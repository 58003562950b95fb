import { Effect, Match } from "effect"
import { type CommandTag, PostgresError, Postgres } from "pgfx"
import { changeEmail, setEmail, UserId } from "./02-query.js"

const change = setEmail({ id: UserId.make(1), email: "a@b.c" })

// by what to do …
export const classes = change.pipe(
  Effect.catchTags({
    Broken: (e) => (e.outcome === "NotSent" ? Effect.succeed("try again") : Effect.succeed("look before trying again")),
    Transient: () => Effect.succeed("try again"),
    Permanent: (e) => Effect.succeed(e.outcome === "Committed" ? "done, answer unreadable" : "fix it")
  })
)

// … by what happened …
export const reasons = change.pipe(
  Effect.catchTag("Permanent", (e) =>
    Match.value(e.reason).pipe(
      Match.tag("UniqueViolation", "ExclusionViolation", (v) => Effect.succeed(`${v.constraint} on ${v.table}`)),
      Match.tag("QueryCanceled", (q) => Effect.succeed(q.by)),
      Match.orElse(() => Effect.fail(e))
    )
  )
)
export const single = change.pipe(PostgresError.catchReason("ForeignKeyViolation", (v) => Effect.succeed(v.constraint)))

// … or by the constraint, into the application's own error (02-query.ts)
export const own = changeEmail(UserId.make(1), "a@b.c").pipe(
  Effect.catchTag("EmailTaken", (e) => Effect.succeed(e.email))
)

// ---- the types a user sees
export const t1: Effect.Effect<CommandTag | string, never, Postgres> = classes
export const t2: Effect.Effect<CommandTag | string, PostgresError, Postgres> = reasons
export const t3: Effect.Effect<CommandTag | string, PostgresError, Postgres> = own
// @ts-expect-error no such reason
PostgresError.catchReason("UniqueViolaton", () => Effect.void)
// @ts-expect-error a Transient failure never took effect
export const t4 = (e: Extract<PostgresError, { _tag: "Transient" }>) => e.outcome === "Committed"
