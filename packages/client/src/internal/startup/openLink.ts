// Dials one address and brings up TLS as asked: the part that a session and a CancelRequest have in common, so that a cancel key never
// travels less protected than its session did. Bytes only; no StartupMessage.
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Broken, type PostgresError } from "../../PostgresError.ts"
import { type DialOptions, type Duplex, type Endpoint, Transport } from "../../Transport.ts"
import { type Link, negotiateTls, plain } from "./negotiateTls.ts"
import { placeOf } from "./place.ts"
import type { Encryption } from "./plan.ts"
import type { Progress } from "./progress.ts"
import { isLoopback } from "./settings/address.ts"
import type { ResolvedHost, ResolvedKeepalives, ResolvedSettings } from "./settings/ResolvedSettings.ts"

/** One address of one host, and how it is protected. */
export interface Destination {
  readonly host: ResolvedHost
  /** a numeric address; a name only if the transport looks names up itself; the directory of a Unix socket */
  readonly dialled: Endpoint
  readonly encryption: Encryption
}

const dialOptions = ({ count, enabled, idle, interval }: ResolvedKeepalives): DialOptions =>
  enabled
    ? {
        keepalive: {
          idleMillis: Duration.toMillis(idle),
          ...(interval === undefined ? {} : { intervalMillis: Duration.toMillis(interval) }),
          ...(count === undefined ? {} : { count })
        }
      }
    : {}

const ledAway = (host: ResolvedHost, address: string | undefined): Broken =>
  new Broken({
    reason: {
      _tag: "ConnectFailed",
      address: placeOf(host, address),
      cause:
        `"${host.name}" leads to ${address ?? "an address that is not known"}, which is not this machine; ` +
        "without a word in sslmode it would be in plain text"
    },
    outcome: "NotSent"
  })

/** A host is plain by default only because it is this machine; that is judged by the address dialled, not by its name. */
export const judgeLoopback = (host: ResolvedHost, address: string | undefined): Effect.Effect<void, Broken> =>
  host.onlyLoopback && (address === undefined || !isLoopback(address))
    ? Effect.fail(ledAway(host, address))
    : Effect.void

/** Nothing has been written yet, so a wrong address costs nothing but the connection. */
const judgeDialled = (host: ResolvedHost, { remoteAddress }: Duplex): Effect.Effect<void, Broken> =>
  host.kind === "unix" ? Effect.void : judgeLoopback(host, remoteAddress)

/** The transport knows what it dialled, not who was meant by it. */
const named =
  (host: ResolvedHost, address: string) =>
  (error: Broken): Broken =>
    error.reason._tag === "ConnectFailed"
      ? new Broken({
          reason: { ...error.reason, address: placeOf(host, address) },
          outcome: "NotSent",
          cause: error.reason.cause
        })
      : error

/**
 * Fails with `ConnectFailed` or `TlsFailed`, or with `InvalidSettings` if a certificate of ours is of no use; outcome `NotSent`. The
 * connection ends with the Scope.
 */
export const openLink = (
  settings: ResolvedSettings,
  { dialled, encryption, host }: Destination,
  progress: Progress
): Effect.Effect<Link, PostgresError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const { abilities, connect } = yield* Transport
    progress.stage = "the network connection"
    const duplex = yield* Effect.mapError(connect(dialled, dialOptions(settings.keepalives)), named(host, dialled.host))
    // A transport without TLS has no network either.
    if (!abilities.tls) return plain(duplex)
    yield* judgeDialled(host, duplex)
    return yield* negotiateTls({ duplex, host, tls: settings.tls, encryption, progress })
  })
