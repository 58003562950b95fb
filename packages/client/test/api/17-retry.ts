import { Effect, Schedule, Stream } from "effect"
import { type CommandTag, Postgres, PostgresError, Retry, Transaction } from "pgfx"
import { changeEmail, EmailTaken, newestUsers, UserId } from "./02-query.js"

const change = changeEmail(UserId.make(1), "a@b.c").pipe(Transaction.run)

// the standard combinator with a built-in schedule: it stops at once at a failure that is not worth repeating
export const plain = Effect.retry(change, Retry.schedules.transient)
// schedules compose
export const patient = change.pipe(Effect.retry(Retry.schedules.transient.pipe(Schedule.intersect(Schedule.recurs(3)))))
// an own schedule under our condition
export const own = change.pipe(
  Effect.retry({ while: PostgresError.isSafeToRetry, schedule: Schedule.spaced("1 second"), times: 5 })
)
// the caller vouches: running twice is harmless, so an unknown outcome may be repeated
export const vouched = newestUsers({ since: new Date(0), limit: 1 }).pipe(Effect.retry(Retry.schedules.idempotent))
// the application's policy, by Layer
export const byPolicy = change.pipe(Retry.transient, Effect.provide(Retry.layer(Schedule.exponential("5 millis"))))
export const streams = Stream.fail("not ours").pipe(Stream.retry(Retry.schedules.connect))

// ---- the types a user sees
export const t1: Effect.Effect<CommandTag, PostgresError | EmailTaken, Postgres> = plain
export const t2: Effect.Effect<CommandTag, PostgresError | EmailTaken, Postgres> = patient
export const t3: Effect.Effect<CommandTag, PostgresError | EmailTaken, Postgres> = own
export const t4: Effect.Effect<CommandTag, PostgresError | EmailTaken, Postgres> = byPolicy
// @ts-expect-error the policy of `Retry.transient` is a service
export const t5: Effect.Effect<CommandTag, PostgresError | EmailTaken, Postgres> = change.pipe(Retry.transient)
