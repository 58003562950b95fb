// One connection of a ScriptedBackend: bytes of the wire ↔ messages, one at a time, and what was promised to be said along the way. It
// knows when the client does what the script cannot go on with; what becomes of a mismatch is decided in ScriptedBackend.
import {
  type BackendMessage,
  encodeBackend,
  type FrontendMessage,
  joinChunks,
  makeFrontendDecoder,
  ProtocolViolation,
  type TransactionStatus
} from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { TlsOptions } from "pgfx"
import type { FrontendMessageOf } from "../Backend.ts"
import { ScriptMismatch } from "../ScriptMismatch.ts"
import { type Carrier, formatsOf, inferParameters, inFormats, preliminaries, type Preliminary } from "./carrier.ts"
import { Conversation } from "./Conversation.ts"
import { showFrontend } from "./show.ts"
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

export const ready = (status: TransactionStatus): BackendMessage => ({ _tag: "ReadyForQuery", status })

export class ScriptedConnection {
  readonly wire = new Wire()
  readonly conversation = new Conversation()
  /** what the script waits for, in words; `undefined` while it waits for nothing of the client's */
  waitingFor: string | undefined = undefined
  /** how the statement came that the script answers; `undefined` for messages and for Query */
  carrier: Carrier | undefined = undefined
  /** the text of the statement that the script has been told of and has not answered up to ReadyForQuery */
  unanswered: string | undefined = undefined
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

  /** Everything the client still says on its way out, and then that it goes. */
  end(sweepUp: (message: FrontendMessage) => boolean): Heard<Departure> {
    const expected = "the end of the connection"
    return Effect.suspend((): Heard<Departure> => {
      const { now } = this.wire
      const stray = this.pollStray(sweepUp)
      if (stray !== undefined) return Effect.fail(this.mismatch(expected, stray))
      const { departure } = this.wire
      if (departure !== undefined) {
        this.waitingFor = undefined
        return Effect.succeed(departure)
      }
      this.waitingFor = expected
      return Effect.flatMap(this.wire.changedSince(now), () => this.end(sweepUp))
    })
  }

  /** What is there that nobody has to expect: Terminate, and what `sweepUp` answers. The first other thing, in words. */
  private pollStray(sweepUp: (message: FrontendMessage) => boolean): string | undefined {
    let message = this.poll()
    while (message !== undefined) {
      // the Sync of a statement that was left without an answer says only that the client waits
      const isWait = message._tag === "Sync" && this.groupIsOpen
      this.note(message)
      if (message._tag !== "Terminate" && !isWait && !sweepUp(message)) return showFrontend(message)
      message = this.poll()
    }
    return this.violation?.message
  }

  readonly silence: Effect.Effect<Departure> = Effect.suspend(() => {
    const { departure, now } = this.wire
    this.arrived.length = 0
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

  /**
   * What the script says, in the shape the client has asked for. Completes when all was said: where the client asks what a statement is
   * before it runs it, that is when it does run it.
   */
  answer(messages: ReadonlyArray<BackendMessage>): Heard<void> {
    return Effect.suspend(() => {
      const out: Array<BackendMessage> = []
      let parameterTypes: ReadonlyArray<number> | undefined
      for (const [i, message] of messages.entries()) {
        const { carrier } = this
        if (carrier === undefined || isUnasked(message)) out.push(message)
        else if (carrier.owed === undefined) out.push(this.formatted(message, carrier))
        else if (message._tag === "ParameterDescription") parameterTypes = message.typeOids
        else if (carrier.isDescribedFirst && message._tag === "ErrorResponse") {
          // what cannot be analysed is not run
          this.carrier = undefined
          out.push(message)
        } else {
          out.push(...this.introduce(carrier, carrier.owed, message, parameterTypes))
          const rest = message._tag === "RowDescription" ? messages.slice(i + 1) : messages.slice(i)
          if (!carrier.isDescribedFirst) {
            this.carrier = { ...carrier, owed: undefined }
            this.say(out)
            return this.answer(rest)
          }
          this.carrier = undefined
          this.say([...out, ready(this.conversation.status)])
          // nothing but the description
          if (rest.length === 0 || rest[0]?._tag === "ReadyForQuery") return Effect.void
          return Effect.zipRight(this.execution(carrier.sql), this.answer(rest))
        }
      }
      this.say(out)
      return Effect.void
    })
  }

  /** What stands in front of the answer that begins with `message`. */
  private introduce(
    { sql }: Carrier,
    owed: ReadonlyArray<Preliminary>,
    message: BackendMessage,
    parameterTypes: ReadonlyArray<number> | undefined
  ): ReadonlyArray<BackendMessage> {
    const columns = message._tag === "RowDescription" ? message.columns : undefined
    if (columns !== undefined) this.conversation.describe(sql, columns)
    return preliminaries(owed, parameterTypes ?? inferParameters(sql, owed), columns)
  }

  private formatted(message: BackendMessage, { formats, sql }: Carrier): BackendMessage {
    return message._tag === "Rows" ? inFormats(message, formats, this.conversation.columnsOf(sql)) : message
  }

  /** The client runs what it was told about. */
  private execution(sql: string): Heard<void> {
    const expected = `the execution of ${JSON.stringify(sql)}, which was described`
    let owed: ReadonlyArray<Preliminary> = []
    const go: Heard<void> = Effect.flatMap(this.next(expected), (message) => {
      switch (message._tag) {
        case "Parse":
        case "Bind":
        case "Describe":
        case "Close":
          owed = [...owed, message]
          return go
        case "Execute": {
          if (this.conversation.portal(message.portal).sql !== sql) break
          this.groupIsOpen = true
          this.carrier = { sql, owed, isDescribedFirst: false, formats: formatsOf(owed) }
          return Effect.void
        }
        default:
      }
      return Effect.fail(this.mismatch(expected, showFrontend(message)))
    })
    return go
  }

  say(messages: ReadonlyArray<BackendMessage>): void {
    for (const message of messages) {
      if (message._tag === "ErrorResponse") this.skipsToSync = this.groupIsOpen
      if (message._tag === "ReadyForQuery") {
        this.syncAnswered = this.groupIsOpen
        this.unanswered = undefined
      }
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
  afterScript(sweepUp: (message: FrontendMessage) => boolean): Heard<void> {
    return Effect.suspend((): Heard<void> => {
      const { now } = this.wire
      if (this.conversation.isCancel) this.wire.endConnection()
      if (this.wire.closedByScript) return Effect.void
      const stray = this.pollStray(sweepUp)
      if (stray !== undefined) return Effect.fail(this.mismatch("nothing more: the script has ended", stray))
      if (this.wire.departure !== undefined) return Effect.void
      if (this.conversation.isAwaited) {
        return Effect.fail(this.mismatch("the script's answer to the client, which waits", "the end of the script"))
      }
      return Effect.flatMap(this.wire.changedSince(now), () => this.afterScript(sweepUp))
    })
  }
}
