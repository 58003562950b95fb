// The one error of this package's decoders. It is a plain class, not an Effect error: the package serves programs
// without Effect.

/** What came over the wire is not PostgreSQL's protocol, or is above a limit. The conversation cannot go on. */
export class ProtocolViolation extends Error {
  readonly _tag = "ProtocolViolation"
  override readonly name = "ProtocolViolation"
  /** the message being read, `"DataRow"`, or `"frame"` before its type is known */
  readonly during: string
  /** offset in the stream of bytes, from 0, counted since the decoder was made; −1 where no stream is involved */
  readonly offset: number
  readonly expected: string
  readonly received: string
  /** The bytes ended inside a message: what came is no violation, and on a connection it is rather the connection that was lost. */
  readonly incomplete: boolean
  constructor(options: {
    readonly during: string
    readonly offset: number
    readonly expected: string
    readonly received: string
    readonly incomplete?: boolean
  }) {
    super(
      `${options.during}${options.offset < 0 ? "" : ` at byte ${options.offset}`}: expected ${options.expected}, received ${options.received}`
    )
    this.during = options.during
    this.offset = options.offset
    this.expected = options.expected
    this.received = options.received
    this.incomplete = options.incomplete ?? false
  }
}
