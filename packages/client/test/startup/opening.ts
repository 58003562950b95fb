// How these tests open connections: over real sockets, in an environment they state in full, from inside the engine, so that the facts
// of a connection that no public service shows (TLS, protocol version, method) can be looked at.
import { NodeTransport } from "@pgfx/platform-node"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { PostgresError } from "pgfx"
import type { Settings } from "pgfx/Settings"
import type { Transport } from "pgfx/Transport"
import {
  type ConnectionOutlets,
  type OpenConnection,
  openConnection
} from "../../src/internal/startup/openConnection.ts"
import { ask } from "../../src/internal/startup/ask.ts"
import { resolve } from "../../src/internal/startup/settings/resolve.ts"

/** Nobody listens to what a connection says of itself. */
export const unheard: ConnectionOutlets = {
  notice: () => undefined,
  notification: () => undefined,
  idle: () => undefined,
  allAbandoned: () => undefined,
  closed: () => undefined
}

/** Over whatever transport the context has. */
export const openOver = (
  settings: Settings,
  outlets: Partial<ConnectionOutlets> = {}
): Effect.Effect<OpenConnection, PostgresError, Scope.Scope | Transport> =>
  Effect.withConfigProvider(
    Effect.flatMap(resolve({ user: "postgres", ...settings }), (resolved) =>
      openConnection(resolved, { ...unheard, ...outlets })
    ),
    ConfigProvider.fromMap(new Map())
  )

export const open = (
  settings: Settings,
  outlets?: Partial<ConnectionOutlets>
): Effect.Effect<OpenConnection, PostgresError, Scope.Scope> =>
  Effect.provide(openOver(settings, outlets), NodeTransport.layer)

/** The first value of an answer, as text. */
export const say = (connection: OpenConnection, sql: string): Effect.Effect<string | undefined, PostgresError> =>
  ask(connection.dispatcher, { name: undefined, sql, definedAt: "unknown" })
