import { NodePostgres } from "@pgfx/platform-node"
import { Config, Effect, Schema } from "effect"
import { param, PostgresError, Query, Transaction } from "pgfx"

class User extends Schema.Class<User>("User")({ id: Schema.BigIntFromSelf, email: Schema.String }) {}
class EmailTaken extends Schema.TaggedError<EmailTaken>()("EmailTaken", { email: Schema.String }) {}

const insertUser = Query.one(User)`
  INSERT INTO users (email) VALUES (${param("email", Schema.String)}) RETURNING id, email
`

// what may fail is in the type: a duplicate is our own error, everything else is Broken, Transient or Permanent
const register = (email: string) =>
  insertUser({ email }).pipe(
    PostgresError.catchConstraints({ users_email_key: () => new EmailTaken({ email }) }),
    Transaction.run
  )

export const program = register("ada@example.org").pipe(
  Effect.tap((user) => Effect.log(`registered as ${user.id}`)),
  Effect.provide(NodePostgres.layerConfig({ url: Config.redacted("DATABASE_URL") }))
)
