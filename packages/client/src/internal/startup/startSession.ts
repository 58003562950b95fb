// From a link to a session: StartupMessage, authentication, the server's settings, ReadyForQuery. One reader per connection, which
// goes on for the connection's life; whoever opened the Scope owns both.
import {
  type BackendMessage,
  makeBackendDecoder,
  ProtocolViolation,
  type ReportFields,
  scramNonce,
  tlsServerEndPoint,
  type Unbindable,
  writeTerminate
} from "@pgfx/protocol"
import { dispatchPolled, dispatchTo, type Poll } from "@pgfx/protocol/MessageStream"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { Broken, PostgresError } from "../../PostgresError.ts"
import type { Duplex } from "../../Transport.ts"
import { Dispatcher, type DispatcherOutlets } from "../exchange/Dispatcher.ts"
import type { CloseReason, ExchangeFailure } from "../exchange/Exchange.ts"
import { type AuthenticationMethod, StartUp, type StartUpAnswer } from "../exchange/startUp.ts"
import { closeReasonOf, errorOfFailure } from "../failure.ts"
import { randomBytes } from "../random.ts"
import type { Link } from "./negotiateTls.ts"
import type { Progress } from "./progress.ts"
import type { ResolvedHost, ResolvedSettings } from "./settings/ResolvedSettings.ts"

/** What comes without being asked for, and the end of it all. */
export interface ConnectionOutlets extends Omit<DispatcherOutlets, "write" | "backlog" | "onDrained"> {
  /** told at most once, and only of a connection that was handed over */
  readonly closed: (reason: CloseReason) => void
  /** bytes have come */
  readonly heard?: () => void
}

/** Reads until the end: bytes → messages → dispatcher. Without an Effect per chunk where the transport can be polled, else one fused Channel. */
const reader = (
  duplex: Duplex,
  dispatcher: Dispatcher,
  { heard, maxMessageSize }: { readonly maxMessageSize: number; readonly heard: (() => void) | undefined }
): Effect.Effect<void, Broken | ProtocolViolation> => {
  const decoder = () => makeBackendDecoder({ maxMessageSize })
  const dispatch = (messages: ReadonlyArray<BackendMessage>): void => {
    heard?.()
    dispatcher.dispatch(messages)
  }
  const { poll } = duplex
  if (poll === undefined) return pulled(duplex, dispatcher, dispatchTo(decoder, dispatch))
  const unlessPaused: Poll = (wake) => {
    if (dispatcher.reading.isPaused) {
      dispatcher.reading.onResumed(wake)
      return undefined
    }
    const bytes = poll(wake)
    if (bytes !== undefined && bytes !== "over") dispatcher.bytesRead += bytes.length
    return bytes
  }
  const polled = dispatchPolled(unlessPaused, decoder, dispatch)
  return Effect.flatMap(polled, ({ finish }) => Effect.zipRight(duplex.read, finish))
}

type Chunks = Chunk.Chunk<Uint8Array>

const pulled = (
  duplex: Duplex,
  dispatcher: Dispatcher,
  dispatching: Channel.Channel<never, Chunks, Broken | ProtocolViolation, Broken, void, unknown>
): Effect.Effect<void, Broken | ProtocolViolation> => {
  const resumed = Effect.async<void>((resume) => {
    const takeBack = dispatcher.reading.onResumed(() => resume(Effect.void))
    return Effect.sync(takeBack)
  })
  const next = Effect.suspend(() => (dispatcher.reading.isPaused ? Effect.zipRight(resumed, duplex.read) : duplex.read))
  const chunks: Channel.Channel<Chunks, unknown, Broken, unknown, void, unknown> = Channel.flatMap(
    Channel.fromEffect(next),
    (bytes) => {
      if (bytes === undefined) return Channel.void
      dispatcher.bytesRead += bytes.length
      return Channel.zipRight(Channel.write(Chunk.of(bytes)), chunks)
    }
  )
  return Channel.runDrain(Channel.pipeTo(chunks, dispatching))
}

/** What is sent before anything is known of the other side but its certificate. */
export interface SessionRequest {
  readonly settings: ResolvedSettings
  readonly host: ResolvedHost
  readonly link: Link
  readonly protocolVersion: number
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
  readonly progress: Progress
  /** for errors */
  readonly place: string
}

export interface Session extends StartUpAnswer {
  readonly dispatcher: Dispatcher
  /** The connection is handed over: from now on its end is told. Told at once if it has come already. */
  readonly handOver: () => void
}

/** The server's ErrorResponse was the first thing it said: another kind of start may be more welcome. */
export interface FirstAnswer {
  fields: ReportFields | undefined
}

type Methods = ReadonlySet<AuthenticationMethod>

/** What the settings name, and what of it this link is good enough for. */
const methodsOf = (
  { authentication }: ResolvedSettings,
  link: Link,
  hasPassword: boolean
): { readonly allowed: Methods; readonly withheld: Methods } => {
  const { methods, none, weakOverUnverifiedLink } = authentication
  const isGood = (method: AuthenticationMethod): boolean =>
    method === "scram-sha-256" || link.verified || weakOverUnverifiedLink
  const allowed = new Set<AuthenticationMethod>(methods.filter(isGood))
  if (none === "accept" || (none === "unlessPassword" && !hasPassword)) allowed.add("none")
  return { allowed, withheld: new Set(methods.filter((method) => !isGood(method))) }
}

const endPointOf = (link: Link): Uint8Array | Unbindable | undefined =>
  link.peerCertificate === undefined ? undefined : tlsServerEndPoint(link.peerCertificate)

/** The end of a connection that was never there: the network's fault, or TLS's, and named so. */
const errorOf = (failure: ExchangeFailure, { place, progress: { stage } }: SessionRequest): PostgresError => {
  if (failure._tag === "ConnectionClosed" && failure.reason._tag === "Lost" && failure.reason.report === undefined) {
    const { cause } = failure.reason
    // the transport knows better, e.g. that our certificate was refused
    if (PostgresError.is(cause) && cause.reason._tag === "TlsFailed") return cause
    return new Broken({
      reason: {
        _tag: "ConnectFailed",
        address: place,
        cause: cause === undefined ? `the server closed the connection during ${stage}` : innermost(cause)
      },
      outcome: "NotSent"
    })
  }
  return errorOfFailure(failure, { starting: true, inTransaction: false, place })
}

const innermost = (cause: unknown): unknown =>
  PostgresError.is(cause) && cause.cause !== undefined ? cause.cause : cause

/** Runs the start-up exchange to its end; interruption destroys the socket with the Scope. */
const exchange = (
  dispatcher: Dispatcher,
  request: SessionRequest,
  firstAnswer: FirstAnswer
): Effect.Effect<StartUpAnswer, PostgresError> =>
  Effect.gen(function* () {
    const { host, link, parameters, progress, protocolVersion, settings } = request
    progress.stage = "the reading of the password"
    const password = yield* host.password
    const nonce = scramNonce(yield* randomBytes(18))
    progress.stage = "authentication"
    return yield* Effect.async<StartUpAnswer, PostgresError>((resume) => {
      const startUp = new StartUp(
        {
          protocolVersion,
          minProtocolVersion: settings.minProtocolVersion,
          parameters,
          user: settings.user,
          password: password === undefined ? undefined : Redacted.value(password),
          ...methodsOf(settings, link, password !== undefined),
          channelBinding: settings.authentication.channelBinding,
          tls: link.tls,
          serverVerified: link.verified,
          endPoint: endPointOf(link),
          scramNonce: nonce,
          scramLimits: settings.authentication.scram,
          authenticated: () => {
            progress.stage = "the start of the session"
          }
        },
        (answer, failure) => {
          firstAnswer.fields = startUp.firstAnswer
          if (answer !== undefined) resume(Effect.succeed(answer))
          else if (failure !== undefined) resume(Effect.fail(errorOf(failure, request)))
        }
      )
      dispatcher.submit(startUp)
    })
  })

/** Terminate, then FIN: the server sees an orderly end. A peer that takes nothing any more is not waited for. */
const sayGoodbye = (
  dispatcher: Dispatcher,
  duplex: Duplex,
  { closeTimeout, terminate }: { readonly closeTimeout: Duration.Duration; readonly terminate: boolean }
): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (dispatcher.closed !== undefined) return Effect.void
    if (terminate) dispatcher.writeNow(writeTerminate)
    dispatcher.close({ _tag: "Closed" })
    return Effect.raceFirst(Effect.interruptible(duplex.end), Effect.interruptible(Effect.sleep(closeTimeout)))
  })

/**
 * Fails with a refusal by the server or by our policy, `ConnectFailed` or `ProtocolViolation`; outcome `NotSent`.
 * The reader runs in the Scope that was given, and ends with it.
 */
export const startSession = (
  request: SessionRequest,
  outlets: ConnectionOutlets,
  firstAnswer: FirstAnswer
): Effect.Effect<Session, PostgresError, Scope.Scope> =>
  Effect.gen(function* () {
    const { duplex } = request.link
    let handedOver = false
    const ours: DispatcherOutlets = {
      ...outlets,
      write: duplex.write,
      backlog: duplex.buffered,
      onDrained: (callback) => {
        const waiting = Effect.runFork(Effect.map(duplex.drained, callback))
        return () => waiting.unsafeInterruptAsFork(waiting.id())
      },
      idle: () => {
        if (handedOver) outlets.idle()
      },
      allAbandoned: () => {
        if (handedOver) outlets.allAbandoned()
      }
    }
    const dispatcher = new Dispatcher(ours, request.settings.preparedStatements)
    const close = (reason: CloseReason): Effect.Effect<void> =>
      Effect.sync(() => {
        duplex.destroy()
        if (dispatcher.closed !== undefined) return
        dispatcher.close(reason)
        if (handedOver) outlets.closed(reason)
      })
    const { maxMessageSize } = request.settings
    yield* reader(duplex, dispatcher, { maxMessageSize, heard: outlets.heard }).pipe(
      Effect.matchCauseEffect({
        onSuccess: () => close({ _tag: "Lost", cause: undefined, report: dispatcher.lastReport }),
        onFailure: (cause) => close(closeReasonOf(Cause.squash(cause), dispatcher))
      }),
      Effect.interruptible,
      Effect.forkScoped
    )
    const answer = yield* exchange(dispatcher, request, firstAnswer)
    const handOver = (): void => {
      handedOver = true
      dispatcher.session.begin(dispatcher.parameters)
      if (dispatcher.closed !== undefined) outlets.closed(dispatcher.closed)
    }
    return { ...answer, dispatcher, handOver }
  })

/** Ends a session in an orderly way when the Scope closes: for sessions that began. */
export const endWithScope = (
  { dispatcher }: Session,
  duplex: Duplex,
  options: { readonly closeTimeout: Duration.Duration; readonly terminate: boolean }
): Effect.Effect<void, never, Scope.Scope> => Effect.addFinalizer(() => sayGoodbye(dispatcher, duplex, options))
