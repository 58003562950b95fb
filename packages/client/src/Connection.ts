// One connection and nothing around it: no pool, no retries. Concurrent queries on it are pipelined.
import * as Context from "effect/Context"
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
    /** of the server's backend, as `pg_backend_pid()`; 0 if the server did not tell */
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
  }
>() {
  static readonly layer = (settings: Settings): Layer.Layer<Connection, PostgresError, Transport> =>
    Layer.scoped(
      Connection,
      Effect.map(connectDatabase(settings), (connected) => {
        const { cancel, notices, parameters, processId } = connected
        const connection = { processId, parameters, notices, cancel }
        connections.set(connection, connected)
        return connection
      })
    )
}
