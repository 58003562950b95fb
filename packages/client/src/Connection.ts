// One connection and nothing around it: no pool, no retries. Concurrent queries on it are pipelined. Lost, it is replaced if the settings say
// so (`reconnect`); a statement or a transaction is never run again for that.
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import { connectDatabase, type ConnectedDatabase } from "./internal/connectDatabase.ts"
import type { PostgresError, ServerReport } from "./PostgresError.ts"
import type { Settings } from "./Settings.ts"
import type { Transport } from "./Transport.ts"

const connections = new WeakMap<object, ConnectedDatabase>()

/** @internal */
export const connectedBy = (connection: Context.Tag.Service<typeof Connection>): ConnectedDatabase => {
  const connected = connections.get(connection)
  if (connected === undefined) throw new TypeError("not a Connection made by a layer of pgfx")
  return connected
}

/**
 * A session of its own.
 *
 * @since 0.1.0
 * @category services
 */
export class Connection extends Context.Tag("pgfx/Connection")<
  Connection,
  {
    /** of the server's backend at the moment, as `pg_backend_pid()`; 0 if the server did not tell */
    readonly processId: number
    /** settings that the server reports: `server_version`, `TimeZone`, `in_hot_standby`, … */
    readonly parameters: Effect.Effect<Readonly<Record<string, string>>>
    /** NoticeResponse messages from the moment of subscription; a subscriber that is 64 behind loses the oldest */
    readonly notices: Stream.Stream<ServerReport>
    /**
     * Cancels the statement that runs at the moment, from whatever fiber: it fails `QueryCanceled`, by user request. Completes when the
     * connection can be used again, at once if nothing runs.
     */
    readonly cancel: Effect.Effect<void>
    /**
     * Sets a run-time parameter of the session (`set_config`), as text. It stays set: behind `Session.pin`, and, with `reconnect`, in the
     * session that replaces a lost one, where parameters are set in the order in which they were last set here, behind the initial
     * statements and before anybody gets the session. In a transaction it counts from COMMIT on, and is undone with a ROLLBACK.
     *
     * Fails with the server's refusal, or with `InvalidParameter` for a value that the client could not work with (`client_encoding`,
     * `DateStyle` and their kind).
     */
    readonly setParameter: (name: string, value: string) => Effect.Effect<void, PostgresError>
    /** RESET: back to the value that the session began with; kept up as `setParameter` is. */
    readonly resetParameter: (name: string) => Effect.Effect<void, PostgresError>
    /** The connection is open, and not in a failed transaction. Asks nobody: what the network has not told yet is not known. */
    readonly isHealthy: Effect.Effect<boolean>
    /** Nothing has come from the server for longer than that. Asks nobody; any statement ends it. */
    readonly isStale: (after: Duration.DurationInput) => Effect.Effect<boolean>
    /** How often it was lost and replaced. Always 0 without `reconnect`. */
    readonly reconnects: Effect.Effect<number>
  }
>() {
  /**
   * Connects when the layer is built. With `reconnect` a lost connection is replaced when it is next asked for something: requests wait for
   * that, at most `connectTimeout`, with two attempts a second; then they fail with what the last attempt met, outcome `NotSent`. Work
   * that was under way fails (`Broken`), and a transaction or pin that was open stays lost to its end.
   *
   * @example
   * import { Connection } from "pgfx"
   *
   * const Live = Connection.layer({ host: "db.example.com", database: "app", reconnect: true })
   */
  static readonly layer = (settings: Settings): Layer.Layer<Connection, PostgresError, Transport> =>
    Layer.scoped(
      Connection,
      Effect.map(connectDatabase(settings), (connected) => {
        const { cancel, changeParameter, isHealthy, notices, parameters, processId, reconnects, silence } = connected
        const connection = {
          get processId() {
            return processId()
          },
          parameters,
          notices,
          cancel,
          setParameter: (name: string, value: string) => changeParameter(name, value),
          resetParameter: (name: string) => changeParameter(name, undefined),
          isHealthy,
          isStale: (after: Duration.DurationInput) => Effect.map(silence, Duration.greaterThan(after)),
          reconnects
        }
        connections.set(connection, connected)
        return connection
      })
    )
}
