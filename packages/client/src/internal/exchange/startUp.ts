// From StartupMessage to the first ReadyForQuery, as one exchange: phase × message, everything else is a violation.
// TLS is negotiated before; what the server may ask for is decided by the policy given, and checked again at AuthenticationOk.
import {
  type AuthenticationMessage,
  type BackendMessage,
  type ByteWriter,
  type ChannelBindingPolicy,
  chooseMechanism,
  md5Password,
  pbkdf2Sha256,
  preparePassword,
  ProtocolViolation,
  type ScramClient,
  scramClient,
  ScramError,
  type ReportFields,
  type ScramLimits,
  type Unbindable,
  writePassword,
  writeSaslInitialResponse,
  writeSaslResponse,
  writeStartupMessage
} from "@pgfx/protocol"
import { Exchange, type ExchangeFailure } from "./Exchange.ts"
import type { Settle } from "./Group.ts"

/** libpq's words for `require_auth`; `none` is an AuthenticationOk without a question. */
export type AuthenticationMethod = "scram-sha-256" | "md5" | "password" | "none"

export interface StartUpRequest {
  readonly protocolVersion: number
  /** the oldest version we go on with when the server offers less */
  readonly minProtocolVersion: number
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>
  readonly user: string
  readonly password: string | undefined
  readonly allowed: ReadonlySet<AuthenticationMethod>
  /** allowed by name, but not over this link */
  readonly withheld: ReadonlySet<AuthenticationMethod>
  readonly channelBinding: ChannelBindingPolicy
  readonly tls: boolean
  /** the chain of the server's certificate was checked */
  readonly serverVerified: boolean
  /** what the server's certificate is bound by, see `chooseMechanism` */
  readonly endPoint: Uint8Array | Unbindable | undefined
  readonly scramNonce: string
  readonly scramLimits: Partial<ScramLimits>
  /** told when AuthenticationOk was accepted */
  readonly authenticated: () => void
}

export interface StartUpAnswer {
  readonly protocolVersion: number
  /** how the server asked who we are */
  readonly method: AuthenticationMethod
  /** SCRAM-SHA-256-PLUS ran to its end */
  readonly channelBound: boolean
  /** absent if the server gave no key: queries on this connection cannot be cancelled */
  readonly key: { readonly processId: number; readonly secretKey: Uint8Array } | undefined
}

type Phase =
  /** the server's first question */
  | "question"
  | "scramFirst"
  /** PBKDF2 runs elsewhere; the server has nothing to say */
  | "deriving"
  | "scramFinal"
  /** only AuthenticationOk may come */
  | "verdict"
  /** settings, key, ReadyForQuery */
  | "session"

const versionName = (version: number): string => `${version >>> 16}.${version & 0xffff}`

export class StartUp extends Exchange {
  readonly name = "start-up"
  /** the ErrorResponse that was the server's answer to StartupMessage, before any question */
  firstAnswer: ReportFields | undefined = undefined
  private phase: Phase = "question"
  private method: AuthenticationMethod = "none"
  private scram: ScramClient | undefined = undefined
  private bound = false
  private protocolVersion: number
  private key: StartUpAnswer["key"] = undefined
  private settled = false
  private readonly derivation = new AbortController()

  private readonly request: StartUpRequest
  private readonly settle: Settle<StartUpAnswer>
  constructor(request: StartUpRequest, settle: Settle<StartUpAnswer>) {
    super()
    this.request = request
    this.settle = settle
    this.protocolVersion = request.protocolVersion
  }

  encode(writer: ByteWriter): void {
    writeStartupMessage(writer, this.request.protocolVersion, this.request.parameters)
  }

  receive(message: BackendMessage): boolean {
    switch (message._tag) {
      case "ErrorResponse":
        // No ReadyForQuery follows: the server closes. It may come at any time, after AuthenticationOk too (53300, measured).
        if (this.phase === "question") this.firstAnswer = message.fields
        return this.refuse({ _tag: "Reported", fields: message.fields })
      case "NegotiateProtocolVersion":
        if (this.phase !== "question")
          return this.unexpected(message, "NegotiateProtocolVersion only before authentication")
        return this.negotiate(message.protocolVersion, message.unrecognizedOptions)
      case "AuthenticationOk":
      case "AuthenticationCleartextPassword":
      case "AuthenticationMD5Password":
      case "AuthenticationSASL":
      case "AuthenticationSASLContinue":
      case "AuthenticationSASLFinal":
      case "AuthenticationUnsupported":
        return this.authenticate(message)
      case "BackendKeyData":
        return this.keep(message)
      case "ReadyForQuery":
        if (this.phase !== "session") return this.unexpected(message, "the end of authentication")
        if (message.status !== "I") return this.unexpected(message, "ReadyForQuery with status I")
        this.settled = true
        this.settle(
          { protocolVersion: this.protocolVersion, method: this.method, channelBound: this.bound, key: this.key },
          undefined
        )
        return true
      default:
        return this.unexpected(message, "a message of the start-up")
    }
  }

  protected settleFailure(failure: ExchangeFailure): void {
    if (this.settled) return
    this.settled = true
    this.derivation.abort()
    this.settle(undefined, failure)
  }

  private refuse(failure: ExchangeFailure): boolean {
    this.settleFailure(failure)
    return true
  }

  private refuseMethod(method: string, issue: string, setting: string | undefined): boolean {
    return this.refuse({ _tag: "AuthenticationRefused", method, issue, setting })
  }

  private negotiate(offered: number, unrecognized: ReadonlyArray<string>): boolean {
    const { minProtocolVersion, protocolVersion } = this.request
    if (unrecognized.length > 0) {
      throw new ProtocolViolation({
        during: this.name,
        offset: -1,
        expected: "no complaint about protocol extensions, none were asked for",
        received: `NegotiateProtocolVersion with ${unrecognized.length} options`
      })
    }
    if (offered >>> 16 !== 3 || offered > protocolVersion) {
      throw new ProtocolViolation({
        during: this.name,
        offset: -1,
        expected: `a protocol version 3.x up to ${versionName(protocolVersion)}`,
        received: versionName(offered)
      })
    }
    if (offered < minProtocolVersion) {
      return this.refuseMethod(
        "protocol version",
        `the server speaks ${versionName(offered)}, at least ${versionName(minProtocolVersion)} is asked for`,
        "minProtocolVersion"
      )
    }
    this.protocolVersion = offered
    return false
  }

  private authenticate(message: AuthenticationMessage): boolean {
    switch (this.phase) {
      case "question":
        return this.answerQuestion(message)
      case "scramFirst":
        if (message._tag !== "AuthenticationSASLContinue") return this.unexpected(message, "AuthenticationSASLContinue")
        return this.scramStep((scram) => this.derive(scram, scram.serverFirst(message.data)))
      case "scramFinal":
        // AuthenticationOk here would be a server that never proved itself (cases ).
        if (message._tag !== "AuthenticationSASLFinal") return this.unexpected(message, "AuthenticationSASLFinal")
        return this.scramStep((scram) => {
          scram.serverFinal(message.data)
          this.phase = "verdict"
        })
      case "verdict":
        if (message._tag !== "AuthenticationOk") return this.unexpected(message, "AuthenticationOk")
        return this.accept()
      case "deriving":
      case "session":
        return this.unexpected(message, "no question about who we are")
    }
  }

  private answerQuestion(message: AuthenticationMessage): boolean {
    switch (message._tag) {
      case "AuthenticationOk":
        return this.accept()
      case "AuthenticationCleartextPassword":
        return this.sendPassword("password", (password) => password)
      case "AuthenticationMD5Password":
        return this.sendPassword("md5", (password) => md5Password(this.request.user, password, message.salt))
      case "AuthenticationSASL":
        return this.startScram(message.mechanisms)
      case "AuthenticationUnsupported":
        return this.refuseMethod(
          message.method,
          `pgfx does not speak ${message.method} (code ${message.code})`,
          undefined
        )
      default:
        return this.unexpected(message, "the server's first question")
    }
  }

  /** The facts are checked where the server says yes, not where it asked: what was skipped cannot be asked for any more. */
  private accept(): boolean {
    const { allowed, channelBinding, password } = this.request
    if (channelBinding === "require" && !this.bound) {
      return this.refuseMethod(this.method, "the server let us in without channel binding", "channelBinding")
    }
    if (this.method === "none" && !allowed.has("none")) {
      return this.refuseMethod(
        "none",
        password === undefined
          ? "the server let us in without asking who we are"
          : "the server let us in without asking for the password that is configured: it may not be the server you mean",
        "requireAuth"
      )
    }
    this.phase = "session"
    this.request.authenticated()
    return false
  }

  private sendPassword(method: "password" | "md5", encode: (password: string) => string): boolean {
    const { allowed, channelBinding } = this.request
    this.method = method
    if (channelBinding === "require") {
      return this.refuseMethod(
        method,
        `the server asks for ${method}, which cannot be bound to the TLS channel`,
        "channelBinding"
      )
    }
    if (!allowed.has(method)) return this.refuseWeak(method)
    const password = this.passwordFor(method)
    if (password === undefined) return true
    this.reply((writer) => writePassword(writer, encode(password)))
    this.phase = "verdict"
    return false
  }

  private refuseWeak(method: "password" | "md5"): boolean {
    const asked =
      method === "md5"
        ? "the server asks for an MD5 hash, which whoever records it can use as the password"
        : "the server asks for the password in clear text"
    if (!this.request.withheld.has(method)) return this.refuseMethod(method, asked, "requireAuth")
    const link = this.request.tls ? "TLS did not verify the server" : "the connection is not encrypted"
    return this.refuseMethod(method, `${asked}, and ${link}`, "allowWeakAuthOverUnverifiedLink")
  }

  private startScram(mechanisms: ReadonlyArray<string>): boolean {
    const { allowed, channelBinding, endPoint, scramLimits, scramNonce, serverVerified, tls } = this.request
    this.method = "scram-sha-256"
    const choice = chooseMechanism(mechanisms, { channelBinding, endPoint, serverVerified, tls })
    if (choice._tag === "Refused") return this.refuseMethod("SASL", choice.message, undefined)
    if (!allowed.has("scram-sha-256")) {
      return this.refuseMethod("scram-sha-256", "requireAuth does not list scram-sha-256", "requireAuth")
    }
    if (this.passwordFor("scram-sha-256") === undefined) return true
    this.bound = choice.unbound === undefined
    const scram = scramClient({ nonce: scramNonce, channelBinding: choice.channelBinding, ...scramLimits })
    this.scram = scram
    this.reply((writer) => writeSaslInitialResponse(writer, scram.mechanism, scram.clientFirst()))
    this.phase = "scramFirst"
    return false
  }

  private scramStep(step: (scram: ScramClient) => void): boolean {
    const scram = this.scram
    if (scram === undefined) throw new Error("bug in pgfx: a SCRAM phase without a SCRAM client")
    try {
      step(scram)
      return false
    } catch (error) {
      if (error instanceof ScramError) return this.refuseScram(error)
      throw error
    }
  }

  private derive(scram: ScramClient, asked: { readonly salt: Uint8Array; readonly iterations: number }): void {
    this.phase = "deriving"
    const password = preparePassword(this.request.password ?? "")
    pbkdf2Sha256(password, asked.salt, asked.iterations, this.derivation.signal).then(
      (salted) => {
        if (this.settled) return
        this.phase = "scramFinal"
        const proof = scram.clientFinal(salted)
        salted.fill(0)
        this.reply((writer) => writeSaslResponse(writer, proof))
      },
      (error: unknown) => {
        if (!this.settled) this.settleFailure({ _tag: "NotEncoded", error })
      }
    )
  }

  private refuseScram(error: ScramError): boolean {
    const setting =
      error.reason === "IterationsTooLow" || error.reason === "IterationsTooHigh" ? "scramIterations" : undefined
    return this.refuseMethod("scram-sha-256", error.message, setting)
  }

  private passwordFor(method: AuthenticationMethod): string | undefined {
    const { password } = this.request
    if (password !== undefined && password !== "") return password
    this.refuseMethod(
      method,
      password === "" ? "the password is empty" : "the server asks for a password, none is configured",
      "password"
    )
    return undefined
  }

  private keep(message: { readonly processId: number; readonly secretKey: Uint8Array }): boolean {
    if (this.phase !== "session" || this.key !== undefined) {
      throw new ProtocolViolation({
        during: this.name,
        offset: -1,
        expected: this.key === undefined ? "the end of authentication" : "ReadyForQuery",
        received: "BackendKeyData"
      })
    }
    const length = message.secretKey.length
    const is30 = this.protocolVersion === 0x30000
    if (is30 ? length !== 4 : length < 4 || length > 256) {
      throw new ProtocolViolation({
        during: this.name,
        offset: -1,
        expected: `a cancel key of ${is30 ? "4 bytes (protocol 3.0)" : "4 to 256 bytes"}`,
        received: `${length} bytes`
      })
    }
    this.key = { processId: message.processId, secretKey: message.secretKey }
    return false
  }
}
