// What was said on one scripted connection so far, as far as a server has to remember it: which text a portal runs, in what state the
// transaction is, who waits for whom. Pure bookkeeping; it neither reads nor sends.
import type { BackendMessage, FrontendMessage, StartupMessage, TransactionStatus } from "@pgfx/protocol"
import { showBackend, showFrontend } from "./show.ts"

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
  private readonly portals = new Map<string, string>()
  /** an extended query is open: COPY swallows the Sync behind it */
  private syncSeen = false
  private extended = false
  private copying = false

  /** The client waits for something that only the server can say. */
  get isAwaited(): boolean {
    return !this.beyondTelling && this.unanswered > 0
  }

  /** The text behind a portal; `undefined` for one that was never bound here. */
  sqlOfPortal(portal: string): string | undefined {
    return this.portals.get(portal)
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
      case "Parse":
        this.statements.set(message.statement, message.sql)
        break
      case "Bind":
        this.portals.set(message.portal, this.statements.get(message.statement) ?? "")
        break
      case "Execute":
        this.extended = true
        this.syncSeen = false
        break
      case "Sync":
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
        ;(message.target === "portal" ? this.portals : this.statements).delete(message.name)
        break
      default:
    }
  }

  said(message: BackendMessage): void {
    this.transcript.push(`B ${showBackend(message)}`)
    if (message._tag === "ReadyForQuery") {
      this.status = message.status
      this.unanswered--
    } else if (message._tag === "CopyInResponse" && this.extended) {
      this.copying = true
      if (this.syncSeen) this.unanswered--
    }
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
