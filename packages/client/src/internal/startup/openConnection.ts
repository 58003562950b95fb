// One attempt at one host: dial, TLS, authentication, session; under one deadline. The result is a connection whose reader runs
// in the Scope that the caller gave, and ends with it.
import {
  type BackendMessage,
  type ChannelBindingPolicy,
  makeBackendDecoder,
  type NotificationResponse,
  ProtocolViolation,
  type ReportFields,
  scramNonce,
  tlsServerEndPoint,
  type Unbindable,
  writeTerminate
} from "@pgfx/protocol"
import { dispatchTo } from "@pgfx/protocol/MessageStream"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Broken, type PostgresError } from "../../PostgresError.ts"
import { type Duplex, type Endpoint, Transport } from "../../Transport.ts"
import { Dispatcher } from "../exchange/Dispatcher.ts"
import type { CloseReason, ExchangeFailure } from "../exchange/Exchange.ts"
import { type AuthenticationMethod, StartUp, type StartUpAnswer } from "../exchange/startUp.ts"
import { closeReasonOf, errorOfFailure } from "../failure.ts"
import { randomBytes } from "../random.ts"
import { type Link, negotiateTls, plain } from "./negotiateTls.ts"
import type { ResolvedHost, ResolvedSettings } from "./settings/ResolvedSettings.ts"

/** What comes without being asked for, and the end of it all. */
export interface ConnectionOutlets {
  readonly notice: (fields: ReportFields) => void
  readonly notification: (notification: NotificationResponse) => void
  /** nothing is in flight */
  readonly idle: () => void
  /** see the Dispatcher: a CancelRequest would hit nobody innocent */
  readonly allAbandoned: () => void
  readonly closed: (reason: CloseReason) => void
}

export interface OpenConnection {
  readonly dispatcher: Dispatcher
  readonly duplex: Duplex
  readonly endpoint: Endpoint
  readonly host: ResolvedHost
  readonly tls: boolean
  readonly protocolVersion: number
  readonly key: StartUpAnswer["key"]
}

/** Reads until the end: bytes → messages → dispatcher, one fused Channel, one Effect per chunk of bytes. */
const reader = (
  duplex: Duplex,
  dispatcher: Dispatcher,
  maxMessageSize: number
): Effect.Effect<void, Broken | ProtocolViolation> => {
  const chunks: Channel.Channel<Chunk.Chunk<Uint8Array>, unknown, Broken, unknown, void, unknown> = Channel.flatMap(
    Channel.fromEffect(duplex.read),
    (bytes) => (bytes === undefined ? Channel.void : Channel.zipRight(Channel.write(Chunk.of(bytes)), chunks))
  )
  const dispatch = (messages: ReadonlyArray<BackendMessage>): void => dispatcher.dispatch(messages)
  return chunks.pipe(
    Channel.pipeTo(dispatchTo(() => makeBackendDecoder({ maxMessageSize }), dispatch)),
    Channel.runDrain
  )
}

const allowedMethods = (
  settings: ResolvedSettings,
  link: Link,
  hasPassword: boolean
): ReadonlySet<AuthenticationMethod> => {
  const { methods, none, weakOverUnverifiedLink } = settings.authentication
  const weakAllowed = link.verified || weakOverUnverifiedLink
  const allowed = new Set<AuthenticationMethod>(methods.filter((method) => method === "scram-sha-256" || weakAllowed))
  if (none === "accept" || (none === "unlessPassword" && !hasPassword)) allowed.add("none")
  return allowed
}

const endPointOf = (link: Link): Uint8Array | Unbindable | undefined =>
  link.peerCertificate === undefined ? undefined : tlsServerEndPoint(link.peerCertificate)

/** Runs the start-up exchange to its end; interruption destroys the socket with the Scope. */
const startSession = (
  dispatcher: Dispatcher,
  link: Link,
  host: ResolvedHost,
  settings: ResolvedSettings
): Effect.Effect<StartUpAnswer, PostgresError> =>
  Effect.gen(function* () {
    const password = yield* host.password
    const nonce = scramNonce(yield* randomBytes(18))
    const channelBinding: ChannelBindingPolicy = settings.authentication.channelBinding
    return yield* Effect.async<StartUpAnswer, PostgresError>((resume) => {
      const settle = (answer: StartUpAnswer | undefined, failure: ExchangeFailure | undefined): void => {
        if (answer !== undefined) resume(Effect.succeed(answer))
        else if (failure !== undefined)
          resume(Effect.fail(errorOfFailure(failure, { starting: true, inTransaction: false })))
      }
      dispatcher.submit(
        new StartUp(
          {
            protocolVersion: settings.maxProtocolVersion,
            minProtocolVersion: settings.minProtocolVersion,
            parameters: settings.startupParameters,
            user: settings.user,
            password: password === undefined ? undefined : Redacted.value(password),
            allowed: allowedMethods(settings, link, password !== undefined),
            channelBinding,
            tls: link.tls,
            serverVerified: link.verified,
            endPoint: endPointOf(link),
            scramNonce: nonce,
            scramLimits: settings.authentication.scram
          },
          settle
        )
      )
    })
  })

/** Terminate, then FIN: the server sees an orderly end. The reader and the socket itself go with the Scope. */
const sayGoodbye = (dispatcher: Dispatcher, duplex: Duplex, terminate: boolean): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (dispatcher.closed !== undefined) return Effect.void
    if (terminate) dispatcher.writeNow(writeTerminate)
    dispatcher.close({ _tag: "Closed" })
    return duplex.end
  })

/**
 * Opens a connection and brings it to its first ReadyForQuery.
 *
 * Fails with `ConnectFailed`, `TlsFailed`, a refusal by the server or by our policy; outcome `NotSent` throughout. Whatever was
 * opened is closed with the Scope, which the caller closes on failure.
 */
export const openConnection = (
  settings: ResolvedSettings,
  host: ResolvedHost,
  outlets: ConnectionOutlets
): Effect.Effect<OpenConnection, PostgresError, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const endpoint: Endpoint = { host: host.address, port: host.port, database: settings.database, user: settings.user }
    let phase = "the network connection"

    const attempt = Effect.gen(function* () {
      const duplex = yield* transport.connect(endpoint)
      phase = "TLS"
      const link = transport.abilities.tls ? yield* negotiateTls(duplex, host, settings.tls) : plain(duplex)
      phase = "authentication and start-up"
      const dispatcher = new Dispatcher({ write: link.duplex.write, ...outlets })
      const close = (reason: CloseReason): Effect.Effect<void> =>
        Effect.sync(() => {
          link.duplex.destroy()
          if (dispatcher.closed !== undefined) return
          dispatcher.close(reason)
          outlets.closed(reason)
        })
      yield* reader(link.duplex, dispatcher, settings.maxMessageSize).pipe(
        Effect.matchCauseEffect({
          onSuccess: () => close({ _tag: "Lost", cause: undefined, report: dispatcher.lastReport }),
          onFailure: (cause) => close(closeReasonOf(Cause.squash(cause), dispatcher))
        }),
        Effect.interruptible,
        Effect.forkScoped
      )
      yield* Effect.addFinalizer(() => sayGoodbye(dispatcher, link.duplex, transport.abilities.terminate))
      const answer = yield* startSession(dispatcher, link, host, settings)
      return { dispatcher, duplex: link.duplex, endpoint, host, tls: link.tls, ...answer }
    })

    return yield* Effect.timeoutFail(attempt, {
      duration: settings.connectTimeout,
      onTimeout: () =>
        new Broken({
          reason: {
            _tag: "ConnectFailed",
            address: host.kind === "unix" ? host.name : `${host.name}:${host.port}`,
            cause: `no answer during ${phase} within ${Duration.format(settings.connectTimeout)} (connectTimeout)`
          },
          outcome: "NotSent"
        })
    })
  })
