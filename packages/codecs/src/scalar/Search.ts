// tsvector and tsquery, as text in the server's own notation. Asked for as text; the binary form comes inside records and arrays.
// Source: src/backend/utils/adt/tsvector.c, tsvectorout, tsvectorsend; tsquery.c, infix, tsquerysend.
import { int16, uint16, uint32 } from "../BigEndian.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { readText } from "../Text.ts"
import { type ValueError, malformed } from "../ValueError.ts"
import { textWriter } from "./Text.ts"

/** Walks over a value; nothing is read beyond its end. */
class Cursor {
  readonly type: string
  private readonly bytes: Uint8Array
  private readonly end: number
  private at: number

  constructor(type: string, bytes: Uint8Array, offset: number, length: number) {
    this.type = type
    this.bytes = bytes
    this.at = offset
    this.end = offset + length
  }

  fail(): ValueError {
    return malformed(this.type, "its binary form")
  }

  private take(size: number): number {
    const at = this.at
    if (size > this.end - at) throw this.fail()
    this.at += size
    return at
  }

  get isAtEnd(): boolean {
    return this.at === this.end
  }

  uint8(): number {
    return this.bytes[this.take(1)]!
  }
  int16(): number {
    return int16(this.bytes, this.take(2))
  }
  uint16(): number {
    return uint16(this.bytes, this.take(2))
  }
  uint32(): number {
    return uint32(this.bytes, this.take(4))
  }

  /** Text up to a NUL, quoted as both types write it. */
  lexeme(): string {
    const end = this.bytes.indexOf(0, this.at)
    if (end < 0 || end >= this.end) throw this.fail()
    const text = readText(this.type, this.bytes, this.at, end - this.at)
    this.at = end + 1
    return `'${text.replace(/['\\]/g, "$&$&")}'`
  }
}

const readVector = (bytes: Uint8Array, offset: number, length: number): string => {
  const cursor = new Cursor("tsvector", bytes, offset, length)
  const count = cursor.uint32()
  const lexemes: Array<string> = []
  for (let i = 0; i < count; i++) {
    const lexeme = cursor.lexeme()
    const positions: Array<string> = []
    for (let left = cursor.uint16(); left > 0; left--) {
      const position = cursor.uint16()
      // the upper two bits are the weight; D is the default and not written
      positions.push(`${position & 0x3fff}${["", "C", "B", "A"][position >> 14]!}`)
    }
    lexemes.push(positions.length === 0 ? lexeme : `${lexeme}:${positions.join(",")}`)
  }
  if (!cursor.isAtEnd) throw cursor.fail()
  return lexemes.join(" ")
}

const not = 1
const and = 2
const or = 3
const phrase = 4
/** How tightly the operators bind, by their number. */
const priorities = [0, 4, 2, 1, 3]

/** Operators recurse; PostgreSQL's own limit is its stack. */
const maxDepth = 500

const operand = (cursor: Cursor): string => {
  const weight = cursor.uint8()
  const prefix = cursor.uint8()
  const lexeme = cursor.lexeme()
  const weights = ["A", "B", "C", "D"].filter((_name, i) => (weight & (8 >> i)) !== 0)
  return weight === 0 && prefix === 0 ? lexeme : `${lexeme}:${prefix === 0 ? "" : "*"}${weights.join("")}`
}

/** One item and what it applies to: operators stand in front, their right side before their left. */
const query = (cursor: Cursor, parentPriority: number, isRightOfPhrase: boolean, depth: number): string => {
  if (depth > maxDepth) throw malformed(cursor.type, `no more than ${maxDepth} levels`)
  const kind = cursor.uint8()
  if (kind === 1) return operand(cursor)
  if (kind !== 2) throw cursor.fail()
  const operator = cursor.uint8()
  const priority = priorities[operator]
  if (operator < not || priority === undefined) throw cursor.fail()
  if (operator === not) {
    const text = `!${query(cursor, priority, false, depth + 1)}`
    return priority < parentPriority ? `( ${text} )` : text
  }
  const distance = operator === phrase ? cursor.int16() : 0
  const right = query(cursor, priority, operator === phrase, depth + 1)
  const left = query(cursor, priority, false, depth + 1)
  const sign = operator === and ? "&" : operator === or ? "|" : distance === 1 ? "<->" : `<${distance}>`
  const text = `${left} ${sign} ${right}`
  return priority < parentPriority || (operator === phrase && isRightOfPhrase) ? `( ${text} )` : text
}

const readQuery = (bytes: Uint8Array, offset: number, length: number): string => {
  const cursor = new Cursor("tsquery", bytes, offset, length)
  const text = cursor.uint32() === 0 ? "" : query(cursor, -1, false, 0)
  if (!cursor.isAtEnd) throw cursor.fail()
  return text
}

/** Strings only, and the server parses them: the order of a tsvector's lexemes is its business. */
const writerOf = (type: string): Writer => {
  const writer = textWriter(type)
  return { ...writer, format: (value) => (writer.format(value), 0) }
}

const codec = (name: string, binary: (bytes: Uint8Array, offset: number, length: number) => string): Codec =>
  scalar({
    name,
    defaultForm: "text",
    readers: { text: { format: 0, parse: (text) => text, binary } },
    writer: writerOf(name)
  })

export const tsvector: Codec = codec("tsvector", readVector)
export const tsquery: Codec = codec("tsquery", readQuery)
