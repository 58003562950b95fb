// A message that cannot be put into bytes. Thrown before any of its bytes leaves the writer.

/** The caller asked for a message that the protocol cannot carry: too long, too many, a NUL inside a string. */
export class EncodeError extends Error {
  readonly _tag = "EncodeError"
  override readonly name = "EncodeError"
  /** the message, `"Bind"` */
  readonly during: string
  /** the field, `"parameter 3"` */
  readonly field: string
  readonly issue: string
  constructor(options: { readonly during: string; readonly field: string; readonly issue: string }) {
    super(`${options.during}, ${options.field}: ${options.issue}`)
    this.during = options.during
    this.field = options.field
    this.issue = options.issue
  }
}
