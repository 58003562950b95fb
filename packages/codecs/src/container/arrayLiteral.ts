// The text form of arrays: `[2:3]={1,NULL,"a \"quoted\" b"}`. Source: src/backend/utils/adt/arrayfuncs.c, array_out. Total: what the server
// would not have written is refused. Answers elements as text, in order, with their dimensions; makes no values.
import { type ValueError, malformed } from "../ValueError.ts"

/** MAXDIM. */
export const maxDimensions = 6

export interface ArrayLiteral {
  /** of every dimension, outermost first; empty for `{}` */
  readonly sizes: ReadonlyArray<number>
  readonly lowerBounds: ReadonlyArray<number>
  /** row by row; `null` is NULL */
  readonly elements: ReadonlyArray<string | null>
}

const boundsSyntax = /^((?:\[-?\d{1,10}:-?\d{1,10}\]){1,6})=/
const unquotedEnd = /[{}"\\]/

export const parseArrayLiteral = (type: string, text: string, delimiter: string): ArrayLiteral =>
  new Parser(type, text, delimiter).parse()

class Parser {
  private readonly type: string
  private readonly text: string
  private readonly delimiter: string
  private at = 0
  private readonly sizes: Array<number> = []
  private readonly elements: Array<string | null> = []
  /** where elements stand: all on one level */
  private leaves = -1

  constructor(type: string, text: string, delimiter: string) {
    this.type = type
    this.text = text
    this.delimiter = delimiter
  }

  parse(): ArrayLiteral {
    const prefix = boundsSyntax.exec(this.text)
    const lowerBounds: Array<number> = []
    if (prefix !== null) {
      for (const [, lower] of prefix[1]!.matchAll(/\[(-?\d+):/g)) lowerBounds.push(Number(lower))
      this.at = prefix[0].length
    }
    const count = this.level(0)
    if (this.at !== this.text.length) throw this.fail()
    if (this.elements.length === 0) {
      if (count !== 0 || prefix !== null) throw this.fail()
      return { sizes: [], lowerBounds: [], elements: [] }
    }
    if (prefix === null) for (const _size of this.sizes) lowerBounds.push(1)
    if (lowerBounds.length !== this.sizes.length) throw this.fail()
    return { sizes: this.sizes, lowerBounds, elements: this.elements }
  }

  private fail(): ValueError {
    return malformed(this.type, "an array literal")
  }

  /** One pair of braces; answers how many items it holds. */
  private level(depth: number): number {
    if (depth >= maxDimensions || this.text[this.at] !== "{") throw this.fail()
    this.at++
    let count = 0
    if (this.text[this.at] === "}") this.at++
    else {
      for (;;) {
        if (this.text[this.at] === "{") this.level(depth + 1)
        else this.leaf(depth)
        count++
        const next = this.text[this.at++]
        if (next === "}") break
        if (next !== this.delimiter) throw this.fail()
      }
    }
    const size = this.sizes[depth]
    if (size === undefined) {
      // inner levels end first: the outer ones have no size yet
      this.sizes[depth] = count
    } else if (size !== count) throw this.fail()
    return count
  }

  private leaf(depth: number): void {
    if (this.leaves < 0) this.leaves = depth
    else if (this.leaves !== depth) throw this.fail()
    this.elements.push(this.text[this.at] === '"' ? this.quoted() : this.unquoted())
  }

  private quoted(): string {
    let value = ""
    let from = this.at + 1
    for (let i = from; i < this.text.length; i++) {
      const unit = this.text.charCodeAt(i)
      if (unit === 0x5c) {
        value += this.text.slice(from, i)
        from = ++i
      } else if (unit === 0x22) {
        this.at = i + 1
        return value + this.text.slice(from, i)
      }
    }
    throw this.fail()
  }

  private unquoted(): string | null {
    const start = this.at
    while (this.at < this.text.length) {
      const character = this.text[this.at]!
      if (character === this.delimiter || character === "}") break
      if (unquotedEnd.test(character)) throw this.fail()
      this.at++
    }
    if (this.at === start) throw this.fail()
    const value = this.text.slice(start, this.at)
    return value === "NULL" ? null : value
  }
}
