import { Effect, Option, Schema } from "effect"
import { type CommandTag, param, Postgres, PostgresError, Query } from "pgfx"

export const UserId = Schema.Number.pipe(Schema.brand("UserId"))
export type UserId = typeof UserId.Type

class User extends Schema.Class<User>("User")({
  id: UserId,
  email: Schema.String,
  createdAt: Schema.DateFromSelf
}) {}

export const userById = Query.option(User)`
  SELECT id, email, created_at AS "createdAt"
  FROM   users
  WHERE  id = ${param("id", UserId)}
`

export const newestUsers = Query.all(User)`
  SELECT   id, email, created_at AS "createdAt"
  FROM     users
  WHERE    created_at > ${param("since", Schema.DateFromSelf)}
  ORDER BY created_at DESC
  LIMIT    ${param("limit", Schema.Number)}
`

export const setEmail = Query.command`
  UPDATE users SET email = ${param("email", Schema.String)} WHERE id = ${param("id", UserId)}
`

export class EmailTaken extends Schema.TaggedError<EmailTaken>()("EmailTaken", { email: Schema.String }) {}

export const changeEmail = (id: UserId, email: string) =>
  setEmail({ id, email }).pipe(
    PostgresError.catchConstraints({
      users_email_key: () => new EmailTaken({ email })
    })
  )

// ---- the types a user sees
type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
export const t1: Effect.Effect<Option.Option<User>, PostgresError, Postgres> = userById({ id: UserId.make(7) })
export const t2: Effect.Effect<ReadonlyArray<User>, PostgresError, Postgres> = newestUsers({
  since: new Date(0),
  limit: 10
})
type P = Parameters<typeof newestUsers>
export const t3: Eq<P, [params: { readonly since: Date; readonly limit: number }]> = true
// @ts-expect-error a missing parameter is a compile error
newestUsers({ limit: 10 })
// @ts-expect-error a plain number is not a UserId
userById({ id: 7 })
// @ts-expect-error a bare value in the template is a compile error
Query.all(User)`SELECT * FROM users WHERE id = ${7}`
// @ts-expect-error one name with two types cannot be called
Query.all(User)`SELECT ${param("x", Schema.String)}::text, ${param("x", Schema.Number)}::int4`({ x: "a" })
// @ts-expect-error undefined is not a value
setEmail({ id: UserId.make(1), email: undefined })
export const t4: Effect.Effect<CommandTag, PostgresError | EmailTaken, Postgres> = changeEmail(UserId.make(1), "a@b.c")
