// One connection of a ScriptedBackend: bytes of the wire ↔ messages, and the rule of `Backend.expect`. It knows when the script has to
// be told that the client does something else; what becomes of a mismatch is decided in ScriptedBackend.
import {
  type BackendMessage,
  encodeBackend,
  frontendNames,
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
import { oneLine, showFrontend } from "./show.ts"
import {
  isStatement,
  type Preliminary,
  splitStatements,
  statusAfter,
  success,
  withPreliminaries
} from "./statements.ts"
import { type Departure, type TlsAnswer, Wire } from "./Wire.ts"

type Heard<A> = Effect.Effect<A, ScriptMismatch>

/** Names of messages, those of the start-up included: they have no type byte. */
const messageNames = new Set<string | undefined>([
  ...frontendNames,
  "SSLRequest",
  "GSSENCRequest",
  "CancelRequest",
  "StartupMessage",
  "PasswordMessage",
  "SASLInitialResponse",
  "SASLResponse"
])

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

const ready = (status: "I" | "T" | "E"): BackendMessage => ({ _tag: "ReadyForQuery", status })

export class ScriptedConnection {
  readonly wire = new Wire()
  readonly conversation = new Conversation()
  /** what the script waits for, in words; `undefined` while it waits for nothing of the client's */
  waitingFor: string | undefined = undefined

  private readonly decoder = makeFrontendDecoder()
  private readonly arrived: Array<FrontendMessage> = []
  private violation: ProtocolViolation | undefined = undefined
  /** what came in front of the statement that the script answers next, if that came by the extended protocol */
  private owed: ReadonlyArray<Preliminary> | undefined = undefined
  /** an Execute whose Sync has not been read yet; `answered` once the script has said ReadyForQuery for it */
  private group: "none" | "open" | "answered" = "none"

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
        if (message._tag === "Sync" && this.group === "answered") {
          // The end of a group that the script has answered already: nobody expects it.
          this.group = "none"
          this.conversation.heard(message)
          continue
        }
        return message
      }
      if (this.violation !== undefined) return undefined
      const bytes = this.wire.take()
      if (bytes === undefined) return undefined
      this.decode(bytes)
    }
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
        this.conversation.heard(message)
        if (message._tag === "Sync" || message._tag === "Query" || message._tag === "Execute") this.group = "none"
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
        this.conversation.heard(message)
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

  // ---- expecting

  expect(steps: ReadonlyArray<string>): Heard<ReadonlyArray<FrontendMessage>> {
    return Effect.suspend(() => {
      this.owed = undefined
      const heard: Array<FrontendMessage> = []
      return Effect.as(
        Effect.forEach(
          steps,
          (step, index) => {
            const where = steps.length === 1 ? "" : ` (step ${index + 1} of ${steps.map(quote).join(", ")})`
            return messageNames.has(step)
              ? this.expectMessage(step, where, heard)
              : this.expectStatement(step, where, index === steps.length - 1, heard)
          },
          { discard: true }
        ),
        heard
      )
    })
  }

  private expectMessage(tag: string, where: string, heard: Array<FrontendMessage>): Heard<void> {
    return Effect.flatMap(this.next(`${tag}${where}`), (message) => {
      heard.push(message)
      return message._tag === tag ? Effect.void : Effect.fail(this.mismatch(`${tag}${where}`, showFrontend(message)))
    })
  }

  private expectStatement(step: string, where: string, last: boolean, heard: Array<FrontendMessage>): Heard<void> {
    const expected = `a statement that begins with ${quote(step)}${where}`
    const owed: Array<Preliminary> = []
    const go: Heard<void> = Effect.flatMap(this.next(expected), (message) => {
      heard.push(message)
      switch (message._tag) {
        case "Parse":
        case "Bind":
        case "Describe":
        case "Close":
          owed.push(message)
          return go
        case "Query":
          return this.judge(step, expected, message, message.sql, () => {
            if (!last) this.succeed(undefined, splitStatements(message.sql))
          })
        case "Execute":
          return this.judge(step, expected, message, this.conversation.sqlOfPortal(message.portal) ?? "", (sql) => {
            this.group = "open"
            if (last) this.owed = owed
            else this.succeed(owed, [sql])
          })
        case "Sync":
        case "Flush":
          return Effect.zipRight(this.housekeeping(message, owed, expected), go)
        default:
          return Effect.fail(this.mismatch(expected, showFrontend(message)))
      }
    })
    return go
  }

  private judge(
    step: string,
    expected: string,
    message: FrontendMessage,
    sql: string,
    matched: (sql: string) => void
  ): Heard<void> {
    if (!isStatement(sql, step)) {
      const received = message._tag === "Execute" ? `Execute of ${quote(sql)}` : showFrontend(message)
      return Effect.fail(this.mismatch(expected, received))
    }
    matched(sql)
    return Effect.void
  }

  /** The end of a statement's group, or a group without a statement: prepared ahead, closed, checked. */
  private housekeeping(
    message: FrontendMessageOf<"Sync" | "Flush">,
    owed: Array<Preliminary>,
    expected: string
  ): Heard<void> {
    return Effect.suspend(() => {
      if (owed.some(({ _tag }) => _tag === "Describe")) {
        const received =
          "Describe in a group without Execute: what it is told is the script's to say, message by message"
        return Effect.fail(this.mismatch(expected, received))
      }
      const answers = withPreliminaries(owed, ready(this.conversation.status))
      owed.length = 0
      this.say(message._tag === "Sync" ? answers : answers.slice(0, -1))
      return Effect.void
    })
  }

  /** Answers what the script leaves to the backend: one Query, or an Execute, whose Sync is answered when it is read. */
  private succeed(owed: ReadonlyArray<Preliminary> | undefined, statements: ReadonlyArray<string>): void {
    const { conversation } = this
    const answers: Array<BackendMessage> = []
    for (const sql of statements.length === 0 ? [""] : statements) {
      const [first, ...rest] = success(sql, conversation.status)
      if (first === undefined) continue
      answers.push(...(owed === undefined ? [first] : withPreliminaries(owed, first)), ...rest)
      if (first._tag === "ErrorResponse") break
      conversation.status = statusAfter(sql, conversation.status)
    }
    if (owed === undefined) answers.push(ready(conversation.status))
    this.say(answers)
  }

  // ---- saying

  /** What the script says, after what the protocol has to say in front of it. */
  answer(messages: ReadonlyArray<BackendMessage>): void {
    this.say(
      messages.flatMap((message) => {
        if (message._tag === "ReadyForQuery" && this.group === "open") this.group = "answered"
        const { owed } = this
        if (owed === undefined || isUnasked(message)) return [message]
        this.owed = undefined
        return withPreliminaries(owed, message)
      })
    )
  }

  private say(messages: ReadonlyArray<BackendMessage>): void {
    for (const message of messages) {
      if (isQuestion(message._tag)) this.decoder.expectAuthentication(asks[message._tag])
      this.conversation.said(message)
    }
    this.wire.send(joinChunks(messages.map(encodeBackend)))
  }

  sayBytes(bytes: Uint8Array): void {
    this.conversation.saidBytes(bytes)
    this.wire.send(bytes)
  }

  /** After the script: the client may be idle, or go. What else it says is said to nobody. */
  readonly afterScript: Effect.Effect<void, ScriptMismatch> = Effect.suspend((): Heard<void> => {
    const { now } = this.wire
    if (this.wire.closedByScript) return Effect.void
    const expected = "nothing more: the script has ended"
    const message = this.poll()
    if (message?._tag === "Terminate") {
      this.conversation.heard(message)
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

const quote = (text: string): string => JSON.stringify(oneLine(text))
