// The one-liner: a database over node:net and node:tls with the default retry policy, files read through Node.
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Layer from "effect/Layer"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { type Pool, Postgres, type PostgresError, Retry, type Settings } from "pgfx"
import { NodeTransport } from "./NodeTransport.ts"

const surroundings = Layer.mergeAll(NodeTransport.layer, NodeFileSystem.layer)

/**
 * Postgres over node:net and node:tls with the default Retry policy.
 *
 * @since 0.1.0
 * @category layers
 */
export const NodePostgres: {
  readonly layer: (settings: Settings) => Layer.Layer<Postgres | Pool | Retry, PostgresError>
  readonly layerConfig: (
    settings: Config.Config.Wrap<Settings>
  ) => Layer.Layer<Postgres | Pool | Retry, PostgresError | ConfigError.ConfigError>
} = {
  layer: (settings) =>
    Postgres.layer(settings).pipe(Layer.provideMerge(Retry.layerDefault), Layer.provide(surroundings)),
  layerConfig: (settings) =>
    Postgres.layerConfig(settings).pipe(Layer.provideMerge(Retry.layerDefault), Layer.provide(surroundings))
}
