// What was said on one scripted connection so far, as far as a server has to remember it: which text a portal runs, in what state the
// transaction is, who waits for whom. Pure bookkeeping; it neither reads nor sends.
import type {
  BackendMessage,
  ColumnDescription,
  FormatCode,
  FrontendMessage,
  StartupMessage,
  TransactionStatus
} from "@pgfx/protocol"
import { showBackend, showFrontend } from "./show.ts"

interface Portal {
  readonly sql: string
  readonly formats: ReadonlyArray<FormatCode>
}

export class Conversation {
  /** as told by the last ReadyForQuery */
  status: TransactionStatus = "I"
  /** what the client asked for when it came */
  startup: StartupMessage | undefined = undefined
  /** the connection carries a CancelRequest: it is answered by its end */
  isCancel = false
  readonly transcript: Array<string> = []

  /** requests that only a ReadyForQuery ends, or the one byte that answers SSLRequest, minus those answers */
  private unanswered = 0
  private tlsAsked = false
  /** bytes were sent that are nobody's message: whether they answer anything cannot be told */
  private beyondTelling = false
  private readonly statements = new Map<string, string>()
  private readonly portals = new Map<string, Portal>()
  /** what the script has said that a text returns */
  private readonly described = new Map<string, ReadonlyArray<ColumnDescription>>()
  /** an extended query is open: COPY swallows the Sync behind it */
  private syncSeen = false
  private extended = false
  private copying = false
  private messagesInGroup = 0
  /** the last Sync ended a group of nothing: the client asks whether the server is there */
  syncWasBare = false

  /** The client waits for something that only the server can say. */
  get isAwaited(): boolean {
    return !this.beyondTelling && this.unanswered > 0
  }

  /** The text and the formats of a portal; of one that was never bound here, nothing. */
  portal(name: string): Portal {
    return this.portals.get(name) ?? { sql: "", formats: [] }
  }

  sqlOfStatement(name: string): string {
    return this.statements.get(name) ?? ""
  }

  describe(sql: string, columns: ReadonlyArray<ColumnDescription>): void {
    this.described.set(sql, columns)
  }

  columnsOf(sql: string): ReadonlyArray<ColumnDescription> | undefined {
    return this.described.get(sql)
  }

  heard(message: FrontendMessage): void {
    this.transcript.push(`F ${showFrontend(message)}`)
    switch (message._tag) {
      case "SSLRequest":
      case "GSSENCRequest":
        this.tlsAsked = true
        this.unanswered++
        break
      case "CancelRequest":
        this.isCancel = true
        break
      case "StartupMessage":
        this.startup = message
        this.unanswered++
        break
      case "Query":
        this.extended = false
        this.unanswered++
        break
      case "Describe":
        this.messagesInGroup++
        break
      case "Parse":
        this.messagesInGroup++
        this.statements.set(message.statement, message.sql)
        break
      case "Bind":
        this.messagesInGroup++
        this.portals.set(message.portal, {
          sql: this.sqlOfStatement(message.statement),
          formats: message.resultFormats
        })
        break
      case "Execute":
        this.messagesInGroup++
        this.extended = true
        this.syncSeen = false
        break
      case "Sync":
        this.syncWasBare = this.messagesInGroup === 0
        this.messagesInGroup = 0
        // inside COPY FROM STDIN the server swallows a Sync (engine design, §10: measured)
        if (this.copying) break
        this.syncSeen = true
        this.unanswered++
        break
      case "CopyDone":
      case "CopyFail":
        this.copying = false
        break
      case "Close":
        this.messagesInGroup++
        ;(message.target === "portal" ? this.portals : this.statements).delete(message.name)
        break
      default:
    }
  }

  said(message: BackendMessage): void {
    this.record(`B ${showBackend(message)}`)
    if (message._tag === "ReadyForQuery") {
      this.status = message.status
      this.unanswered--
    } else if (message._tag === "CopyInResponse" && this.extended) {
      this.copying = true
      if (this.syncSeen) this.unanswered--
    }
  }

  /** Settings come by the dozen, and rows by the thousand: each run of them is one line. */
  private record(line: string): void {
    const kind = /^B (?:ParameterStatus|DataRow|CopyData)/.exec(line)?.[0]
    const [last, count] = kind === undefined ? [] : (this.transcript.at(-1)?.split(" × ") ?? [])
    if (kind === undefined || last === undefined || !last.startsWith(kind)) this.transcript.push(line)
    else this.transcript[this.transcript.length - 1] = `${kind} × ${Number(count ?? 1) + 1}`
  }

  saidBytes(bytes: Uint8Array): void {
    this.transcript.push(`B ${bytes.length} bytes`)
    if (this.tlsAsked && bytes.length === 1) this.unanswered--
    else this.beyondTelling = true
    this.tlsAsked = false
  }

  note(line: string): void {
    this.transcript.push(line)
  }
}
