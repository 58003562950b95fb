// What the server says about itself in words: ErrorResponse and NoticeResponse, as the program sees them. Only the shape: the bytes are
// read by protocol, and what a report means is told by internal/classify. Holds texts, no bytes.

/**
 * ErrorResponse or NoticeResponse, field by field, as sent: `message`, `detail` and `where` may hold values of rows and parameters,
 * and control characters. The renderings of an error hold neither. Source: "Error and Notice Message Fields".
 */
export interface ServerReport {
  /** never translated; the last five come in notices only */
  readonly severity: "ERROR" | "FATAL" | "PANIC" | "WARNING" | "NOTICE" | "DEBUG" | "INFO" | "LOG"
  /** empty if the server sent none */
  readonly sqlState: string
  /** in the language of `lc_messages` */
  readonly message: string
  readonly detail?: string
  readonly hint?: string
  /** characters (not UTF-16 units) of the SQL text as sent, from 1 */
  readonly position?: number
  /** characters of `internalQuery`, from 1 */
  readonly internalPosition?: number
  /** the statement that a function or the server itself was running */
  readonly internalQuery?: string
  /** call stack of the server's active functions, innermost first */
  readonly where?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly dataType?: string
  readonly constraint?: string
  readonly file?: string
  readonly line?: number
  readonly routine?: string
}
