// One request and its answer, as seen by the connection: bytes out, messages in, settled once. Effect-free: an exchange is
// driven by the Dispatcher and tells its owner through a callback.
import {
  type BackendMessage,
  type ByteWriter,
  ProtocolViolation,
  type ReportFields,
  type TransactionStatus,
  writeCopyFail,
  writeSync
} from "@pgfx/protocol"
import type { PermanentReason, PostgresError } from "../../PostgresError.ts"

/** Why a connection ended, told to every exchange that was still on it. */
export type CloseReason =
  /** the transport failed or the other side ended; `report` is the server's last word, if it had one */
  | { readonly _tag: "Lost"; readonly cause: unknown; readonly report: ReportFields | undefined }
  | { readonly _tag: "Violation"; readonly violation: ProtocolViolation; readonly transcript: ReadonlyArray<string> }
  /** a wait on this connection met its deadline */
  | { readonly _tag: "Unresponsive"; readonly during: string }
  /** we closed it */
  | { readonly _tag: "Closed" }

/** How an exchange may end without a value. */
export type ExchangeFailure =
  /** ErrorResponse, and the ReadyForQuery behind it: the connection is healthy; `closed`: it ended instead */
  | {
      readonly _tag: "Reported"
      readonly fields: ReportFields
      readonly closed?: true
      /** `part`: some of it had been committed before the error came; `none`: the server had not begun to run it */
      readonly ran?: "part" | "none"
    }
  /** the server asked for, or sent, COPY data in answer to an ordinary request */
  | { readonly _tag: "UnexpectedCopy" }
  /** the request could not be put into bytes; nothing was sent */
  | { readonly _tag: "NotEncoded"; readonly error: unknown }
  /** the client found out before anything was sent that it cannot go well */
  | { readonly _tag: "Refused"; readonly reason: PermanentReason }
  /** its first use went out before its types were known, and the server took what every later use refuses */
  | { readonly _tag: "Unfit"; readonly error: PostgresError; readonly status: TransactionStatus }
  /** it was interrupted before it was sent */
  | { readonly _tag: "Abandoned" }
  /** our policy refused what the server asked for, or how it proved itself */
  | {
      readonly _tag: "AuthenticationRefused"
      readonly method: string
      readonly issue: string
      readonly setting: string | undefined
    }
  /** `ran`: nothing was sent yet that could have run, only the question what the statement is */
  | { readonly _tag: "ConnectionClosed"; readonly reason: CloseReason; readonly sent: boolean; readonly ran?: "none" }
  /** it never had a connection */
  | { readonly _tag: "NotLeased"; readonly error: PostgresError }

/** FATAL and PANIC end the session. `V` is never translated; servers before 9.6 have only `S`. */
export const isFatal = (fields: ReportFields): boolean => {
  const severity = fields.severityNonLocalized ?? fields.severity
  return severity === "FATAL" || severity === "PANIC"
}

/**
 * A backend that is told to quit at once may not send an error any more, only a warning: 57P02 when another backend has crashed, 57P01 at
 * an immediate shutdown. The end of the connection is all that follows. Source: `quickdie` of postgres.c.
 */
export const isLastWarning = ({ code }: ReportFields): boolean => code === "57P01" || code === "57P02"

const noReply = (): void => undefined
const alone = (): boolean => false

/** The same failure, of a request of which nothing was carried out. */
export const unrun = (failure: ExchangeFailure): ExchangeFailure =>
  failure._tag === "Reported" || failure._tag === "ConnectionClosed" ? { ...failure, ran: "none" } : failure

export abstract class Exchange {
  /** its bytes were handed to the transport */
  sent = false
  /** what it was encoded in; set by the Dispatcher */
  bytes = 0
  /** intrusive link of the RequestQueue */
  next: Exchange | undefined = undefined
  /** set by the Dispatcher: writes at once, for answers to the server's questions while this exchange is the head */
  reply: (encode: (writer: ByteWriter) => void) => void = noReply
  /** set by the Dispatcher: something was written behind this exchange */
  hasFollowers: () => boolean = alone
  /** nobody wants the answer any more; it is read to its end all the same */
  abandoned = false
  /** answered to its end */
  complete = false
  /** sent, and still being written: whatever came behind it would land in the middle of it */
  holdsLine = false
  /** kept until ReadyForQuery or the end of the connection, whichever comes first */
  protected failure: ExchangeFailure | undefined = undefined

  /** what a violation is reported as having happened during */
  abstract readonly name: string

  /** Writes the request. May throw: the writer is rewound and `fail` is called, the neighbours notice nothing. */
  abstract encode(writer: ByteWriter): void

  /** Takes the next message of the answer; true when it was the last. Throws `ProtocolViolation` for any other. */
  abstract receive(message: BackendMessage): boolean

  /** Settles without an answer. Called at most once, and never after `receive` returned true. */
  protected abstract settleFailure(failure: ExchangeFailure): void

  /**
   * Called when no further message will come. An ERROR that was already reported is the truth about the request, whatever
   * became of the connection afterwards; a FATAL one travels in the reason.
   */
  fail(failure: ExchangeFailure): void {
    const kept = this.failure
    if (kept?._tag !== "Reported") return this.settleFailure(failure)
    this.settleFailure(isFatal(kept.fields) ? failure : { ...kept, closed: true })
  }

  /**
   * Ends a COPY FROM STDIN that nobody asked for. In the extended protocol COPY has swallowed the Sync behind Execute, and a second one
   * is needed (measured). Requests behind it are lost in the COPY, and the
   * connection with them.
   */
  protected refuseCopy(protocol: "simple" | "extended"): void {
    if (this.hasFollowers()) {
      throw new ProtocolViolation({
        during: this.name,
        offset: -1,
        expected: "no COPY FROM STDIN in a pipeline",
        received: "CopyInResponse with requests behind it"
      })
    }
    this.reply((writer) => {
      writeCopyFail(writer, "pgfx: COPY FROM STDIN belongs in Copy.in")
      if (protocol === "extended") writeSync(writer)
    })
  }

  protected unexpected(message: BackendMessage, expected: string): never {
    throw new ProtocolViolation({ during: this.name, offset: -1, expected, received: message._tag })
  }
}
