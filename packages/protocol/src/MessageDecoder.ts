// Bytes in any pieces to messages ⚡. Whole messages are read where they lie; only a tail that is not whole yet is
// copied, into a buffer that grows with what really came. A header is judged before anything behind it is kept. Reads
// nothing by itself and knows no socket; the single byte that answers SSLRequest must not come here. A pushed chunk
// belongs to the runs (`Rows`, `CopyData`) made of it; once these are done with, it is the caller's again.
import type { BackendMessage } from "./BackendMessage.ts"
import { type BackendDecoderOptions, BackendGrammar } from "./BackendGrammar.ts"
import { type FrontendDecoderOptions, FrontendGrammar } from "./FrontendGrammar.ts"
import type { FrontendMessage } from "./FrontendMessage.ts"
import type { Grammar } from "./Grammar.ts"
import type { ExpectedAuthentication } from "./messages/Authentication.ts"
import { ProtocolViolation } from "./ProtocolViolation.ts"

const nothing = new Uint8Array(0)

/** First size of the buffer for a tail: most frames that are cut are rows. A header alone never makes it larger. */
const smallestHold = 1024

/**
 * An incremental decoder of one direction of one connection. Not to be shared, not to be used again for another
 * connection.
 */
export class MessageDecoder<M> {
  private readonly grammar: Grammar<M>
  /** the beginning of a frame that is not whole yet: `hold[0, held)` */
  private hold: Uint8Array = nothing
  private held = 0
  /** size of that frame, 0 while its header is not whole */
  private need = 0
  private done = 0
  private failure: ProtocolViolation | undefined = undefined

  constructor(grammar: Grammar<M>) {
    this.grammar = grammar
  }

  /**
   * Offset, since the decoder was made, of the first byte that no returned message holds; of the violation after one.
   */
  get offset(): number {
    return this.done
  }

  /** Bytes of an unfinished message that are kept. */
  get heldBytes(): number {
    return this.held
  }

  /** The violation that ended this decoder, if any. */
  get violation(): ProtocolViolation | undefined {
    return this.failure
  }

  /**
   * Takes the next bytes and returns the messages they complete, in order. Throws ProtocolViolation if the first
   * thing in them is one. If messages come before it they are returned, as they would be had they come alone;
   * `violation` is set then, and every further `push` throws it.
   */
  push(chunk: Uint8Array): ReadonlyArray<M> {
    if (this.failure !== undefined) throw this.failure
    const out: Array<M> = []
    try {
      let at = this.held === 0 ? 0 : this.complete(chunk, out)
      if (at < chunk.length) {
        const start = at
        at = this.grammar.scan(chunk, start, chunk.length, this.done, out)
        this.done += at - start
        if (at < chunk.length) this.keep(chunk, at)
      }
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error
      this.failure = error
      this.done = error.offset
      this.drop()
      if (out.length === 0) throw error
    }
    return out
  }

  /**
   * Says that no more bytes come. Throws ProtocolViolation if they ended inside a message, or the violation that was
   * found before.
   */
  finish(): void {
    if (this.failure !== undefined) throw this.failure
    if (this.held === 0) return
    this.failure = new ProtocolViolation({
      during: "frame",
      offset: this.done + this.held,
      expected: this.need === 0 ? "the rest of a header" : `the rest of a frame of ${this.need} bytes`,
      received: `the end of the stream after ${this.held} bytes`,
      incomplete: true
    })
    throw this.failure
  }

  /**
   * Adds to the held frame what belongs to it, reads it once it is whole, and returns how much of the chunk it took.
   */
  private complete(chunk: Uint8Array, out: Array<M>): number {
    let at = 0
    if (this.need === 0) {
      const header = this.grammar.headerSize
      at = Math.min(header - this.held, chunk.length)
      this.append(chunk, 0, at, header)
      if (this.held < header) return at
      this.need = this.grammar.judge(this.hold, 0, this.done)
    }
    const end = Math.min(at + this.need - this.held, chunk.length)
    this.append(chunk, at, end, this.need)
    if (this.held < this.need) return end
    const { hold, need } = this
    // the buffer goes with the frame: a run may point into it
    this.drop()
    this.grammar.scan(hold, 0, need, this.done, out)
    this.done += need
    return end
  }

  private keep(chunk: Uint8Array, at: number): void {
    const rest = chunk.length - at
    const header = this.grammar.headerSize
    this.need = rest < header ? 0 : this.grammar.judge(chunk, at, this.done)
    this.append(chunk, at, chunk.length, this.need === 0 ? header : this.need)
  }

  /** Appends `chunk[at, end)` to what is held. The buffer doubles, but never above `limit`, the frame's own size. */
  private append(chunk: Uint8Array, at: number, end: number, limit: number): void {
    const size = this.held + end - at
    if (size > this.hold.length) {
      const grown = new Uint8Array(Math.min(limit, Math.max(smallestHold, size, this.hold.length * 2)))
      grown.set(this.hold.subarray(0, this.held))
      this.hold = grown
    }
    this.hold.set(chunk.subarray(at, end), this.held)
    this.held = size
  }

  private drop(): void {
    this.hold = nothing
    this.held = 0
    this.need = 0
  }
}

/** Decodes what a server sends. */
export type BackendDecoder = MessageDecoder<BackendMessage>

/** A decoder of what a server sends, at the beginning of a connection. */
export const makeBackendDecoder = (options: BackendDecoderOptions = {}): BackendDecoder =>
  new MessageDecoder(new BackendGrammar(options))

/** Decodes what a client sends. */
export class FrontendDecoder extends MessageDecoder<FrontendMessage> {
  private readonly frontend: FrontendGrammar

  constructor(grammar: FrontendGrammar) {
    super(grammar)
    this.frontend = grammar
  }

  /**
   * Says what the next `p` frame answers. Without it, or after it, a `p` frame is AuthenticationResponse with raw
   * data.
   */
  expectAuthentication(message: ExpectedAuthentication): void {
    this.frontend.expected = message
  }
}

/** A decoder of what a client sends, at the beginning of a connection. */
export const makeFrontendDecoder = (options: FrontendDecoderOptions = {}): FrontendDecoder =>
  new FrontendDecoder(new FrontendGrammar(options))
