// Which server test databases are made on. Said explicitly, or by DATABASE_URL; there is no default server, because a test must not
// create databases where nobody has said it may.
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Permanent, type PostgresError, type Settings } from "pgfx"

const unknownServer = new Permanent({
  reason: {
    _tag: "InvalidSettings",
    key: "DATABASE_URL",
    issue: "is not set, so there is no server to make test databases on; set it, or provide TestServer.layer(settings)"
  },
  outcome: "NotSent"
})

const fromEnvironment: Effect.Effect<Settings, PostgresError> = Config.redacted("DATABASE_URL").pipe(
  Effect.mapBoth({ onFailure: () => unknownServer, onSuccess: (url) => ({ url }) })
)

/**
 * The server of the test databases: settings of a user who may create databases, and of a database that is there. What is provided
 * explicitly wins over the environment.
 *
 * @since 0.1.0
 * @category services
 */
export class TestServer extends Context.Reference<TestServer>()("pgfx/testing/TestServer", {
  defaultValue: () => fromEnvironment
}) {
  static readonly layer = (settings: Settings): Layer.Layer<TestServer> =>
    Layer.succeed(TestServer, Effect.succeed(settings))
}
