// A conversation as text, for golden sessions, proxies and the report of a violation: any message as a line (TranscriptLine.ts), and a ring that
// remembers the last few messages of a connection at next to no cost. The ring renders when it is asked, not when a message passes; it keeps no
// bytes of a socket, no secret, and no large message.
import type { BackendMessage, CopyData, Rows } from "./BackendMessage.ts"
import type { FrontendMessage } from "./FrontendMessage.ts"
import { printable } from "./TraceLine.ts"
import { type Direction, messageLine, runLines, type TranscriptOptions } from "./TranscriptLine.ts"

export type { Direction, TranscriptOptions } from "./TranscriptLine.ts"

/** A message and who said it. */
export type Said =
  | readonly [direction: "F", message: FrontendMessage, options?: TranscriptOptions]
  | readonly [direction: "B", message: BackendMessage, options?: TranscriptOptions]

/**
 * A message as one line, without its newline. Of a run of frames it shows the first and counts the others.
 *
 * @example
 * transcriptLine("B", { _tag: "ReadyForQuery", status: "I" }) // "B\t5\tReadyForQuery\t I"
 */
export const transcriptLine = (...[direction, message, options]: Said): string =>
  messageLine(direction, message, options)

/** A message as lines: one, but for a run as many as it has frames. */
export const transcriptLines = (...[direction, message, options]: Said): ReadonlyArray<string> =>
  message._tag === "Rows" || message._tag === "CopyData"
    ? runLines(direction, message, options)
    : [messageLine(direction, message, options)]

/** The single byte that answers SSLRequest or GSSENCRequest, which is no message, as a line. */
export const transcriptOfAnswer = (request: "SSLRequest" | "GSSENCRequest", answer: string): string =>
  `B\t1\t${request === "SSLRequest" ? "SSLResponse" : "GSSENCResponse"}\t ${printable(answer.slice(0, 1))}`

/** What one message may keep alive in the ring, in UTF-16 units or bytes: twenty of them are a page of memory or two. */
const heavy = 1024

const never = Number.POSITIVE_INFINITY

const sum = (values: ReadonlyArray<Uint8Array | null>): number =>
  values.reduce((total, value) => total + 16 + (value === null ? 0 : value.length), 0)

/** What keeping a message would keep; infinite for secrets. Messages of fixed size, which are nearly all, count as nothing. */
const weight = (m: Exclude<FrontendMessage | BackendMessage, Rows | CopyData>): number => {
  switch (m._tag) {
    case "CommandComplete":
      return m.tag.length
    case "ErrorResponse":
    case "NoticeResponse":
    case "PasswordMessage":
    case "SASLInitialResponse":
    case "SASLResponse":
    case "AuthenticationResponse":
    case "AuthenticationMD5Password":
    case "AuthenticationSASL":
    case "AuthenticationSASLContinue":
    case "AuthenticationSASLFinal":
    case "AuthenticationUnsupported":
    case "BackendKeyData":
    case "CancelRequest":
    case "StartupMessage":
    case "NegotiateProtocolVersion":
      return never
    case "RowDescription": {
      let total = 0
      for (const column of m.columns) total += 64 + column.name.length
      return total
    }
    case "ParameterDescription":
      return m.typeOids.length * 8
    case "CopyInResponse":
    case "CopyOutResponse":
    case "CopyBothResponse":
      return m.columnFormats.length * 8
    case "NotificationResponse":
      return m.channel.length + m.payload.length
    case "ParameterStatus":
      return m.name.length + m.value.length
    case "FunctionCallResponse":
      return m.value === null ? 0 : m.value.length
    case "Query":
      return m.sql.length
    case "Parse":
      return m.statement.length + m.sql.length + m.parameterTypes.length * 8
    case "Bind":
      return (
        m.portal.length +
        m.statement.length +
        m.parameterFormats.length * 8 +
        sum(m.parameters) +
        m.resultFormats.length * 8
      )
    case "FunctionCall":
      return m.argumentFormats.length * 8 + sum(m.arguments)
    case "Describe":
    case "Close":
      return m.name.length
    case "Execute":
      return m.portal.length
    case "CopyFail":
      return m.reason.length
    default:
      return 0
  }
}

/** the count of an entry that is a name and not yet a line: rendering it takes ten times as long as keeping it */
const byName = -1

type Entry = Exclude<FrontendMessage | BackendMessage, Rows | CopyData> | string

/** Options of a {@link Transcript}. */
export interface RingOptions extends TranscriptOptions {
  /** how many messages are remembered; default 20 */
  readonly capacity?: number | undefined
}

/**
 * The last messages of a conversation. Adding one costs about 11 ns, as much as keeping its name would (Node 20): most are kept as they are and rendered by `lines`. Of a run
 * only counts are kept; what is large, or carries a secret, is rendered at once and forgotten.
 */
export class Transcript {
  private readonly options: TranscriptOptions
  private readonly capacity: number
  private readonly directions: Array<Direction>
  private readonly entries: Array<Entry>
  /** of a run: its frames and its bytes */
  private readonly counts: Array<number>
  private readonly sizes: Array<number>
  private next = 0
  private total = 0

  constructor(options: RingOptions = {}) {
    const capacity = options.capacity ?? 20
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`capacity: ${capacity} is not a count`)
    this.options = options
    this.capacity = capacity
    this.directions = Array.from({ length: capacity }, () => "B")
    this.entries = Array.from({ length: capacity }, () => "")
    this.counts = Array.from({ length: capacity }, () => 0)
    this.sizes = Array.from({ length: capacity }, () => 0)
  }

  /** How many messages were added since the beginning; a run counts as one. */
  get added(): number {
    return this.total
  }

  /** Remembers a message. It must not be changed afterwards; decoders never do. */
  add(direction: "F", message: FrontendMessage): void
  add(direction: "B", message: BackendMessage): void
  add(direction: Direction, message: FrontendMessage | BackendMessage): void {
    if (message._tag === "Rows") this.put(direction, "DataRow", message.count, message.end - message.offset)
    else if (message._tag === "CopyData") this.put(direction, "CopyData", message.count, message.end - message.offset)
    else if (weight(message) <= heavy) this.put(direction, message, 0, 0)
    else this.put(direction, messageLine(direction, message, this.options), 0, 0)
  }

  /** Remembers what is known by name only: a request whose messages were written without ever being objects. */
  note(direction: Direction, name: string): void {
    this.put(direction, name.length > heavy ? name.slice(0, heavy) : name, byName, 0)
  }

  /** What was said last, oldest first, a line each. Runs are counted: `B\t4096\tDataRow × 117`, with the bytes of all of them. */
  lines(): ReadonlyArray<string> {
    const lines: Array<string> = []
    const length = Math.min(this.total, this.capacity)
    for (let i = 0; i < length; i++) {
      const at = (this.next - length + i + this.capacity) % this.capacity
      const entry = this.entries[at]!
      const direction = this.directions[at]!
      const count = this.counts[at]!
      if (typeof entry !== "string") lines.push(messageLine(direction, entry, this.options))
      else if (count === byName) lines.push(`${direction}\t\t${printable(entry)}`)
      else lines.push(count === 0 ? entry : `${direction}\t${this.sizes[at]!}\t${entry} × ${count}`)
    }
    return lines
  }

  private put(direction: Direction, entry: Entry, count: number, size: number): void {
    const at = this.next
    this.directions[at] = direction
    this.entries[at] = entry
    this.counts[at] = count
    this.sizes[at] = size
    this.next = at + 1 === this.capacity ? 0 : at + 1
    this.total++
  }
}
