// A connection that records what is said on it, for scripts/capture-goldens.ts: plain TCP, no TLS, one statement of the script after the other.
// Frames are cut by their headers alone, so that what is recorded does not depend on the decoder that it is to test.
import { connect, type Socket } from "node:net"
import {
  type BackendMessage,
  encodeFrontend,
  type FrontendMessage,
  joinChunks,
  makeBackendDecoder,
  md5Password,
  pbkdf2Sha256,
  preparePassword,
  protocol30,
  scramClient
} from "@pgfx/protocol"
import type { Golden, GoldenFrame } from "../packages/protocol/test/goldens/golden.ts"

/** Where to connect, and as whom. */
export interface Login {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly protocolVersion?: number
  readonly parameters?: ReadonlyArray<readonly [string, string]>
}

/** Fixed, so that half of the SCRAM bytes are the same in every capture. */
const clientNonce = "pgfx+golden+session+0001"

const frameSize = (bytes: Uint8Array): number =>
  1 + new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getInt32(1)

/** Cancel keys are the one secret of which nothing is tested: zeros instead. */
const blanked = (bytes: Uint8Array): Uint8Array => {
  if (bytes[0] !== 0x4b) return bytes
  const copy = bytes.slice()
  copy.fill(0, 9)
  return copy
}

export class Wire {
  readonly frames: Array<GoldenFrame> = []
  private begins: Golden["begins"] = "startUp"
  private readonly socket: Socket
  private readonly decoder = makeBackendDecoder()
  private held: Uint8Array = new Uint8Array(0)
  private readonly inbox: Array<BackendMessage> = []
  private wake: () => void = () => {}
  private failure: Error | undefined = undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on("data", (chunk) => this.take(chunk))
    socket.on("error", (error) => this.fail(error))
    socket.on("close", () => this.fail(new Error("the server closed the connection")))
  }

  static async open({ host, port }: { readonly host: string; readonly port: number }): Promise<Wire> {
    const socket = connect({ host, port, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve)
      socket.once("error", reject)
    })
    return new Wire(socket)
  }

  /** Connects and authenticates; what is recorded begins after the first ReadyForQuery. */
  static async ready(login: Login): Promise<Wire> {
    const wire = await Wire.open(login)
    await wire.startUp(login)
    wire.frames.length = 0
    wire.begins = "ready"
    return wire
  }

  /** Writes the messages in one piece; they are recorded as frames. */
  send(...messages: ReadonlyArray<FrontendMessage>): void {
    const frames = messages.map(encodeFrontend)
    for (const bytes of frames) this.frames.push({ direction: "F", bytes })
    this.socket.write(joinChunks(frames))
  }

  /** Waits for the first message of that name, after those already seen, and returns everything up to it. */
  async until(tag: BackendMessage["_tag"]): Promise<ReadonlyArray<BackendMessage>> {
    for (;;) {
      const at = this.inbox.findIndex((message) => message._tag === tag)
      if (at >= 0) return this.inbox.splice(0, at + 1)
      if (this.failure !== undefined) throw this.failure
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  /** A simple query and its answers. */
  async query(sql: string): Promise<ReadonlyArray<BackendMessage>> {
    this.send({ _tag: "Query", sql })
    return this.until("ReadyForQuery")
  }

  /** From StartupMessage to ReadyForQuery, with whatever method the server asks for. */
  async startUp({ parameters = [], password, protocolVersion = protocol30, user }: Login): Promise<BackendMessage[]> {
    const named = [["user", user], ["database", "postgres"], ["application_name", "golden"], ...parameters] as const
    this.send({ _tag: "StartupMessage", protocolVersion, parameters: named.map(([name, value]) => [name, value]) })
    const scram = scramClient({ nonce: clientNonce, channelBinding: { type: "none" } })
    const seen: Array<BackendMessage> = []
    for (;;) {
      const message = await this.next()
      seen.push(message)
      switch (message._tag) {
        case "AuthenticationCleartextPassword":
          this.send({ _tag: "PasswordMessage", password })
          break
        case "AuthenticationMD5Password":
          this.send({ _tag: "PasswordMessage", password: md5Password(user, password, message.salt) })
          break
        case "AuthenticationSASL":
          this.send({ _tag: "SASLInitialResponse", mechanism: scram.mechanism, data: scram.clientFirst() })
          break
        case "AuthenticationSASLContinue": {
          const { iterations, salt } = scram.serverFirst(message.data)
          const key = await pbkdf2Sha256(preparePassword(password), salt, iterations)
          this.send({ _tag: "SASLResponse", data: scram.clientFinal(key) })
          break
        }
        case "AuthenticationSASLFinal":
          scram.serverFinal(message.data)
          break
        case "ErrorResponse":
          throw new Error(`start-up: ${message.fields.message}`)
        case "ReadyForQuery":
          return seen
        default:
      }
    }
  }

  async close(): Promise<void> {
    this.send({ _tag: "Terminate" })
    await new Promise<void>((resolve) => {
      this.socket.once("close", () => resolve())
      this.socket.end()
    })
  }

  golden(major: number, name: string): Golden {
    return { major, name, begins: this.begins, frames: this.frames }
  }

  private async next(): Promise<BackendMessage> {
    while (this.inbox.length === 0) {
      if (this.failure !== undefined) throw this.failure
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
    return this.inbox.shift()!
  }

  private take(chunk: Uint8Array): void {
    this.held = joinChunks([this.held, chunk])
    while (this.held.length >= 5 && this.held.length >= frameSize(this.held)) {
      const size = frameSize(this.held)
      const bytes = Uint8Array.from(this.held.subarray(0, size))
      this.held = this.held.subarray(size)
      this.frames.push({ direction: "B", bytes: blanked(bytes) })
      this.inbox.push(...this.decoder.push(bytes))
    }
    this.wake()
  }

  private fail(error: Error): void {
    this.failure ??= error
    this.wake()
  }
}
