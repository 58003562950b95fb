// A line of a transcript under construction: fields in the form of fe-trace.c, nothing that a terminal or a log would obey, and never longer than
// its limit, however long the field. What the fields mean is TranscriptLine.ts's business.

/** Room for what SQL, reports and descriptions usually take; a hostile message takes no more. */
const defaultLimit = 2000
/** Enough for direction, length and the longest name. */
const smallestLimit = 32

/**
 * What may not stand in a line as it is: C0, DEL and C1 controls, the line separators of Unicode, marks that change the direction of text, and
 * halves of surrogate pairs.
 */
const unprintable = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Surrogate}\ufeff]/gu

const escape = (character: string): string => {
  const code = character.charCodeAt(0)
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`
}

/** Text with what a terminal would obey escaped: `\x0a`, `\u202e`. A backslash stays one, as in fe-trace.c. */
export const printable = (text: string): string => text.replace(unprintable, escape)

export class TraceLine {
  private line: string
  private readonly limit: number

  constructor(head: string, limit: number = defaultLimit) {
    this.line = head
    // the comparison is so that a NaN is a limit too
    this.limit = limit >= smallestLimit ? limit : smallestLimit
  }

  /** Nothing that is added now will be seen. */
  get full(): boolean {
    return this.line.length > this.limit
  }

  name(name: string): void {
    this.line += name
  }

  number(value: number): void {
    this.add(`${value}`)
  }

  /** `NNNN`: a number that is not shown. */
  blankNumber(): void {
    this.add("NNNN")
  }

  /** A single byte: a letter, or `\x00`. */
  byte(value: number): void {
    this.add(value >= 0x20 && value < 0x7f ? String.fromCharCode(value) : escape(String.fromCharCode(value)))
  }

  /** `"text"`, or `"SSSS"` for text that is not shown. */
  text(value: string | undefined): void {
    if (value === undefined) return this.add('"SSSS"')
    this.add(value.length <= this.limit ? `"${printable(value)}"` : `"${printable(value.slice(0, this.limit))}`)
  }

  /** `'bytes'`: printable ASCII as it is, other bytes as `\x00`; or `'BBBB'` for bytes that are not shown. */
  bytes(value: Uint8Array | undefined): void {
    if (value === undefined) return this.add("'BBBB'")
    let text = "'"
    for (const byte of value) {
      if (text.length > this.limit) break
      text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : escape(String.fromCharCode(byte))
    }
    this.add(`${text}'`)
  }

  /** A remark of ours, which libpq would not make. */
  note(what: string): void {
    this.add(`(${what})`)
  }

  /** The line, cut to its limit. */
  end(): string {
    if (!this.full) return this.line
    const cut = this.line.slice(0, this.limit - 1)
    // half of a pair would be text that has no UTF-8 form
    return `${cut.replace(/[\ud800-\udbff]$/, "")}…`
  }

  private add(field: string): void {
    if (this.full) return
    // fe-trace.c ends the name with a tab, if any field follows
    this.line += this.fields++ === 0 ? `\t ${field}` : ` ${field}`
  }

  private fields = 0
}
