// What a query asks for: a database. A Layer gives it one; which connections stand behind it is the Layer's affair.
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import { connectedBy, Connection } from "./Connection.ts"
import { registerDatabase } from "./internal/database.ts"
import type { ConnectedDatabase } from "./internal/connectDatabase.ts"
import { unwrapSettings } from "./internal/startup/settings/settingsConfig.ts"
import { connectionsOf, Pool } from "./Pool.ts"
import type { PostgresError, ServerReport } from "./PostgresError.ts"
import type { Retry } from "./Retry.ts"
import type { Settings } from "./Settings.ts"
import type { Endpoint, Transport } from "./Transport.ts"

export interface PostgresService {
  readonly endpoint: Endpoint
  /** NoticeResponse messages from the moment of subscription; a subscriber that is 64 behind loses the oldest */
  readonly notices: Stream.Stream<ServerReport>
}

const serviceOf = ({
  database,
  endpoint,
  notices
}: Pick<ConnectedDatabase, "database" | "endpoint" | "notices">): PostgresService => {
  const service: PostgresService = { endpoint, notices }
  registerDatabase(service, database)
  return service
}

type DatabaseLayer<Self> = (settings: Settings) => Layer.Layer<Self, PostgresError, Transport | Retry>

export interface DatabaseClass<Self, Id extends string> extends Context.TagClass<Self, Id, PostgresService> {
  readonly layer: DatabaseLayer<Self>
  readonly layerConfig: (
    settings: Config.Config.Wrap<Settings>
  ) => Layer.Layer<Self, PostgresError | ConfigError.ConfigError, Transport | Retry>
  /** runs the effect's queries on this database */
  readonly provide: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Postgres> | Self>
  /** the same for Streams and Layers */
  readonly asPostgres: Layer.Layer<Postgres, never, Self>
}

const makeTag =
  <Self>() =>
  <const Id extends string>(id: Id): DatabaseClass<Self, Id> => {
    const tag = Context.Tag(id)<Self, PostgresService>()
    const layer: DatabaseLayer<Self> = (settings) =>
      Layer.effect(
        tag,
        Effect.map(Pool, (pool) => serviceOf(connectionsOf(pool)))
      ).pipe(Layer.provide(Pool.layer(settings)))
    return Object.assign(tag, {
      layer,
      layerConfig: (settings: Config.Config.Wrap<Settings>) =>
        Layer.unwrapEffect(Effect.map(unwrapSettings(settings), layer)),
      provide: <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Postgres> | Self> =>
        Effect.provideServiceEffect(self, Postgres, tag),
      asPostgres: Layer.effect(Postgres, tag)
    })
  }

/**
 * One database. A query joins the open transaction of *its own* database and no other, whether it found the service in the context
 * or was given it by `Effect.provideService`.
 *
 * @since 0.1.0
 * @category services
 */
export class Postgres extends Context.Tag("pgfx/Postgres")<Postgres, PostgresService>() {
  static readonly layerPool: Layer.Layer<Postgres, never, Pool> = Layer.effect(
    Postgres,
    Effect.map(Pool, (pool) => serviceOf(connectionsOf(pool)))
  )
  /** one connection, no pool: concurrent queries are pipelined on it */
  static readonly layerConnection: Layer.Layer<Postgres, never, Connection> = Layer.effect(
    Postgres,
    Effect.map(Connection, (connection) => serviceOf(connectedBy(connection)))
  )
  /** a pool and its client */
  static readonly layer = (settings: Settings): Layer.Layer<Postgres | Pool, PostgresError, Transport | Retry> =>
    Postgres.layerPool.pipe(Layer.provideMerge(Pool.layer(settings)))
  static readonly layerConfig = (
    settings: Config.Config.Wrap<Settings>
  ): Layer.Layer<Postgres | Pool, PostgresError | ConfigError.ConfigError, Transport | Retry> =>
    Layer.unwrapEffect(Effect.map(unwrapSettings(settings), Postgres.layer))
  /** another database: `class Reporting extends Postgres.Tag<Reporting>()("app/Reporting") {}` */
  static readonly Tag: <Self>() => <const Id extends string>(id: Id) => DatabaseClass<Self, Id> = makeTag
}
