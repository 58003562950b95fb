// One connection of a ScriptedBackend: bytes of the wire ↔ messages, one at a time, and what was promised to be said along the way. It
// knows when the client does what the script cannot go on with; what becomes of a mismatch is decided in ScriptedBackend.
import {
  type BackendMessage,
  encodeBackend,
  type FrontendMessage,
  joinChunks,
  makeFrontendDecoder,
  ProtocolViolation
} from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { TlsOptions } from "pgfx"
import type { FrontendMessageOf } from "../Backend.ts"
import { ScriptMismatch } from "../ScriptMismatch.ts"
import { Conversation } from "./Conversation.ts"
import { showFrontend } from "./show.ts"
import { type Preliminary, withPreliminaries } from "./statements.ts"
import { type Departure, type TlsAnswer, Wire } from "./Wire.ts"

export type Heard<A> = Effect.Effect<A, ScriptMismatch>

/** What the next `p` frame answers. */
const asks = {
  AuthenticationCleartextPassword: "PasswordMessage",
  AuthenticationMD5Password: "PasswordMessage",
  AuthenticationSASL: "SASLInitialResponse",
  AuthenticationSASLContinue: "SASLResponse"
} as const

const isQuestion = (tag: string): tag is keyof typeof asks => Object.hasOwn(asks, tag)

/** The server sends these on its own account, before, between and behind answers. */
const isUnasked = (message: BackendMessage): boolean =>
  message._tag === "NoticeResponse" || message._tag === "NotificationResponse" || message._tag === "ParameterStatus"

export class ScriptedConnection {
  readonly wire = new Wire()
  readonly conversation = new Conversation()
  /** what the script waits for, in words; `undefined` while it waits for nothing of the client's */
  waitingFor: string | undefined = undefined
  /** what came in front of the statement that the script answers next, if that came by the extended protocol */
  owed: ReadonlyArray<Preliminary> | undefined = undefined
  /** an Execute was read and the Sync behind it was not */
  groupIsOpen = false

  /** in that group: ReadyForQuery was said already, so that Sync is nobody's */
  private syncAnswered = false
  /** in that group: an error was said, so that what comes before Sync is not carried out */
  private skipsToSync = false
  private readonly decoder = makeFrontendDecoder()
  private readonly arrived: Array<FrontendMessage> = []
  private violation: ProtocolViolation | undefined = undefined

  readonly number: number
  constructor(number: number) {
    this.number = number
  }

  mismatch(expected: string, received: string): ScriptMismatch {
    return new ScriptMismatch({
      expected,
      received,
      connection: this.number,
      transcript: [...this.conversation.transcript]
    })
  }

  // ---- hearing

  /** Waits until `poll` has something; every message, byte and departure of the client makes it look again. */
  private wait<A>(expected: string, poll: () => A | undefined): Heard<A> {
    return Effect.suspend((): Heard<A> => {
      const { now } = this.wire
      const found = poll()
      if (found !== undefined) {
        this.waitingFor = undefined
        return Effect.succeed(found)
      }
      if (this.violation !== undefined) return Effect.fail(this.mismatch(expected, this.violation.message))
      const end = this.ending()
      if (end !== undefined) return Effect.fail(this.mismatch(expected, end))
      this.waitingFor = expected
      return Effect.flatMap(this.wire.changedSince(now), () => this.wait(expected, poll))
    })
  }

  /** How the connection ended, in words. */
  private ending(): string | undefined {
    if (this.wire.closedByScript) return "nothing more: the script has closed the connection"
    switch (this.wire.departure) {
      case "FIN":
        return "the end of the connection: the client has closed it"
      case "destroyed":
        return "the end of the connection: the client has dropped it"
      case undefined:
        return undefined
    }
  }

  /** The next message that is there, without waiting. */
  private poll(): FrontendMessage | undefined {
    for (;;) {
      const message = this.arrived.shift()
      if (message !== undefined) {
        if (!this.isNobodys(message)) return message
        this.note(message)
        continue
      }
      if (this.violation !== undefined) return undefined
      const bytes = this.wire.take()
      if (bytes === undefined) return undefined
      this.decode(bytes)
    }
  }

  /** The rest of a group that has had its answer. */
  private isNobodys(message: FrontendMessage): boolean {
    return this.groupIsOpen && (message._tag === "Sync" ? this.syncAnswered : this.skipsToSync)
  }

  private note(message: FrontendMessage): void {
    this.conversation.heard(message)
    this.groupIsOpen = this.groupIsOpen && message._tag !== "Sync" && message._tag !== "Query"
    if (this.groupIsOpen) return
    this.syncAnswered = false
    this.skipsToSync = false
  }

  private decode(bytes: Uint8Array): void {
    try {
      this.arrived.push(...this.decoder.push(bytes))
      this.violation = this.decoder.violation
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      this.violation = error
    }
  }

  /** The next message, and that it was said. */
  next(expected: string): Heard<FrontendMessage> {
    return Effect.map(
      this.wait(expected, () => this.poll()),
      (message) => {
        this.note(message)
        return message
      }
    )
  }

  nextOf<Tag extends FrontendMessage["_tag"]>(tag: Tag): Heard<FrontendMessageOf<Tag>> {
    const hasTag = (message: FrontendMessage): message is FrontendMessageOf<Tag> => message._tag === tag
    return Effect.flatMap(this.next(tag), (message) =>
      hasTag(message) ? Effect.succeed(message) : Effect.fail(this.mismatch(tag, showFrontend(message)))
    )
  }

  readonly nextBytes: Heard<Uint8Array> = Effect.suspend(() =>
    this.arrived.length > 0 || this.decoder.heldBytes > 0
      ? Effect.dieMessage("receiveBytes: the bytes of this connection were read as messages already")
      : this.wait("bytes", () => this.wire.take())
  )

  readonly end: Heard<Departure> = Effect.suspend(() => {
    const expected = "the end of the connection"
    const gone = Effect.suspend((): Heard<Departure> => {
      const { now } = this.wire
      const message = this.poll()
      if (message?._tag === "Terminate") {
        this.note(message)
        return gone
      }
      if (message !== undefined) return Effect.fail(this.mismatch(expected, showFrontend(message)))
      if (this.violation !== undefined) return Effect.fail(this.mismatch(expected, this.violation.message))
      const { departure } = this.wire
      if (departure !== undefined) {
        this.waitingFor = undefined
        return Effect.succeed(departure)
      }
      this.waitingFor = expected
      return Effect.flatMap(this.wire.changedSince(now), () => gone)
    })
    return gone
  })

  readonly silence: Effect.Effect<Departure> = Effect.suspend(() => {
    const { departure, now } = this.wire
    while (this.wire.take() !== undefined);
    if (departure === undefined) return Effect.flatMap(this.wire.changedSince(now), () => this.silence)
    return Effect.succeed(departure)
  })

  handshake(answer: TlsAnswer): Heard<TlsOptions> {
    return Effect.map(
      this.wait("the beginning of a TLS handshake", () => this.wire.tlsWanted),
      (options) => {
        this.wire.acceptTls(answer)
        this.conversation.note("— TLS")
        return options
      }
    )
  }

  // ---- saying

  /** What the script says, after what the protocol has to say in front of it. */
  answer(messages: ReadonlyArray<BackendMessage>): void {
    this.say(
      messages.flatMap((message) => {
        const { owed } = this
        if (owed === undefined || isUnasked(message)) return [message]
        this.owed = undefined
        return withPreliminaries(owed, message)
      })
    )
  }

  say(messages: ReadonlyArray<BackendMessage>): void {
    for (const message of messages) {
      if (message._tag === "ErrorResponse") this.skipsToSync = this.groupIsOpen
      if (message._tag === "ReadyForQuery") this.syncAnswered = this.groupIsOpen
      if (isQuestion(message._tag)) this.decoder.expectAuthentication(asks[message._tag])
      this.conversation.said(message)
    }
    this.wire.send(joinChunks(messages.map(encodeBackend)))
  }

  sayBytes(bytes: Uint8Array): void {
    this.conversation.saidBytes(bytes)
    this.wire.send(bytes)
  }

  /** After the script: the client may be idle, or go, and is sent away after a CancelRequest. What else it says is said to nobody. */
  readonly afterScript: Effect.Effect<void, ScriptMismatch> = Effect.suspend((): Heard<void> => {
    const { now } = this.wire
    if (this.conversation.isCancel) this.wire.endConnection()
    if (this.wire.closedByScript) return Effect.void
    const expected = "nothing more: the script has ended"
    const message = this.poll()
    // The Sync of a statement that the script has left without an answer says that the client waits, which is told below.
    if (message?._tag === "Terminate" || (message?._tag === "Sync" && this.groupIsOpen)) {
      this.note(message)
      return this.afterScript
    }
    if (message !== undefined) return Effect.fail(this.mismatch(expected, showFrontend(message)))
    if (this.violation !== undefined) return Effect.fail(this.mismatch(expected, this.violation.message))
    if (this.wire.departure !== undefined) return Effect.void
    if (this.conversation.isAwaited) {
      return Effect.fail(this.mismatch("the script's answer to the client, which waits", "the end of the script"))
    }
    return Effect.flatMap(this.wire.changedSince(now), () => this.afterScript)
  })
}
