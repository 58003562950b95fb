// JSON text as values without losing numbers: `JSON.parse` where it is exact, a parser of our own where it is not. The same values
// otherwise: duplicate keys, `__proto__`, -0 and the order of keys are JSON.parse's. The way back is writeJson.ts.
import { setOwn } from "./setOwn.ts"
import { malformed, unrepresentable } from "./ValueError.ts"

/** Deeper values are refused: whoever walks them recursively would overflow the stack. PostgreSQL itself stops at some thousands. */
export const maxJsonDepth = 1000

/** A number of JSON as it stands in the text. `toJSON` answers it only to this package's writer. */
export class JsonNumber {
  readonly digits: string
  constructor(digits: string) {
    this.digits = digits
  }
  /** A plain JSON.stringify cannot write these digits exactly, so it must not try. */
  toJSON(): never {
    throw new TypeError("JsonNumber: JSON.stringify would round it")
  }
}

// Without a run of 16 digits every whole number is below 10^15 and exact; without a three-digit exponent none overflows.
const suspicious = /\d{16}|[eE]\+?\d{3}/

/** The parsed value; whole numbers beyond ±(2^53 - 1) as bigint. */
export const parseJson = (type: string, text: string): unknown => {
  if (suspicious.test(text)) return new Parser(type, text, exactNumber).parse()
  if (text.length > 2 * maxJsonDepth) checkDepth(type, text)
  try {
    return JSON.parse(text)
  } catch {
    // the message of JSON.parse quotes the text, which may be a secret
    throw malformed(type, "JSON")
  }
}

/** The parsed value with every number as JsonNumber. */
export const parseJsonNumbers = (type: string, text: string): unknown =>
  new Parser(type, text, (_type, digits) => new JsonNumber(digits)).parse()

const tooDeep = (type: string) =>
  unrepresentable(type, "json", `nested deeper than ${maxJsonDepth} levels`, "read it as text")

const checkDepth = (type: string, text: string): void => {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (inString) {
      if (unit === 0x5c) i++
      else if (unit === 0x22) inString = false
    } else if (unit === 0x22) inString = true
    else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > maxJsonDepth) throw tooDeep(type)
    } else if (unit === 0x5d || unit === 0x7d) depth--
  }
}

const exactNumber = (type: string, digits: string): number | bigint => {
  const value = Number(digits)
  if (!/[.eE]/.test(digits)) return Number.isSafeInteger(value) ? value : BigInt(digits)
  if (Number.isFinite(value)) return value
  throw unrepresentable(type, "json", "a number beyond the range of a double", "read it as text")
}

const numberSyntax = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const space = /[ \t\n\r]*/y

class Parser {
  private readonly type: string
  private readonly text: string
  private readonly number: (type: string, digits: string) => unknown
  private at = 0
  private depth = 0

  constructor(type: string, text: string, number: (type: string, digits: string) => unknown) {
    this.type = type
    this.text = text
    this.number = number
  }

  parse(): unknown {
    const value = this.value()
    this.skip()
    if (this.at !== this.text.length) throw this.fail()
    return value
  }

  private fail() {
    return malformed(this.type, "JSON")
  }

  private skip(): void {
    space.lastIndex = this.at
    space.test(this.text)
    this.at = space.lastIndex
  }

  private take(character: string): boolean {
    this.skip()
    if (this.text[this.at] !== character) return false
    this.at++
    return true
  }

  private token(syntax: RegExp): string {
    syntax.lastIndex = this.at
    const match = syntax.exec(this.text)
    if (match === null) throw this.fail()
    this.at = syntax.lastIndex
    return match[0]
  }

  private value(): unknown {
    this.skip()
    switch (this.text[this.at]) {
      case "{":
        return this.object()
      case "[":
        return this.array()
      case '"':
        return this.string()
      case "t":
        return this.word("true", true)
      case "f":
        return this.word("false", false)
      case "n":
        return this.word("null", null)
      default:
        return this.number(this.type, this.token(numberSyntax))
    }
  }

  private word<A>(word: string, value: A): A {
    if (!this.text.startsWith(word, this.at)) throw this.fail()
    this.at += word.length
    return value
  }

  private string(): string {
    const start = this.at
    if (this.text.charCodeAt(start) !== 0x22) throw this.fail()
    let escaped = false
    // a loop and not an expression: a backtracking matcher runs out of stack on strings of megabytes
    for (let i = start + 1; i < this.text.length; i++) {
      const unit = this.text.charCodeAt(i)
      if (unit < 0x20) break
      if (unit === 0x5c) {
        escaped = true
        i++
      } else if (unit === 0x22) {
        this.at = i + 1
        return escaped ? this.unescape(this.text.slice(start, this.at)) : this.text.slice(start + 1, i)
      }
    }
    throw this.fail()
  }

  private unescape(token: string): string {
    try {
      return String(JSON.parse(token))
    } catch {
      throw this.fail()
    }
  }

  private enter(): void {
    this.at++
    if (++this.depth > maxJsonDepth) throw tooDeep(this.type)
  }

  private array(): unknown {
    this.enter()
    const values: Array<unknown> = []
    if (!this.take("]")) {
      do values.push(this.value())
      while (this.take(","))
      if (!this.take("]")) throw this.fail()
    }
    this.depth--
    return values
  }

  private object(): unknown {
    this.enter()
    const object: Record<string, unknown> = {}
    if (!this.take("}")) {
      do {
        this.skip()
        const key = this.string()
        if (!this.take(":")) throw this.fail()
        setOwn(object, key, this.value())
      } while (this.take(","))
      if (!this.take("}")) throw this.fail()
    }
    this.depth--
    return object
  }
}
