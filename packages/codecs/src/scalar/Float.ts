// float4 and float8. Forms: number (NaN, ±Infinity and −0 kept), text (the shortest that reads back, as JavaScript writes it, −0 as "-0").
import { float32, float64 } from "../BigEndian.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, refused, wrongLength } from "../ValueError.ts"

const plain = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** The number a text spells: decimal notation or one of PostgreSQL's three words. `undefined` for everything else. */
export const numberOf = (text: string): number | undefined => {
  if (plain.test(text)) return Number(text)
  if (text === "NaN") return NaN
  if (text === "Infinity") return Infinity
  if (text === "-Infinity") return -Infinity
  return undefined
}

/** As JavaScript writes it, but `-0` keeps its sign. */
export const numberText = (value: number): string => (Object.is(value, -0) ? "-0" : String(value))

/** The shortest text that a float4 reads back from: `"0.1"`, where the widened double would say `0.10000000149011612`. */
const float4Text = (value: number): string => {
  if (value === 0) return numberText(value)
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits))
    if (Math.fround(rounded) === value) return numberText(rounded)
  }
  // NaN comes here too; nine digits always identify a float4
  return Number.isFinite(value) ? numberText(Number(value.toPrecision(9))) : numberText(value)
}

/** A string of digits other than zero whose double is 0 or infinite: PostgreSQL refuses those, so it has to see them. */
const isLost = (text: string, value: number): boolean =>
  (value === 0 && /[1-9]/.test(text.replace(/[eE].*$/, ""))) || (!Number.isFinite(value) && plain.test(text))

const valueOf8 = (value: unknown): number | string => {
  if (typeof value === "number") return value
  if (typeof value === "bigint") {
    if (value > 0x20_0000_0000_0000n || value < -0x20_0000_0000_0000n) {
      throw refused("float8", value, "whole number beyond ±2^53", "make it a number, which rounds, or a string")
    }
    return Number(value)
  }
  if (typeof value !== "string") throw notTaken("float8", value)
  const text = checkText("float8", value)
  const number = numberOf(text)
  return number === undefined || isLost(text, number) ? text : number
}

const valueOf4 = (value: unknown): number | string => {
  if (typeof value === "number") {
    // a finite number must stay finite; that it loses digits is what the type is
    if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) throw refused("float4", value, "out of range")
    return Math.fround(value)
  }
  if (typeof value === "bigint") {
    const number = Number(value)
    if (Math.abs(number) > 2 ** 53 || Math.fround(number) !== number) {
      throw refused("float4", value, "whole number that 24 bits cannot hold", "make it a number, which rounds")
    }
    return number
  }
  if (typeof value !== "string") throw notTaken("float4", value)
  const text = checkText("float4", value)
  const number = numberOf(text)
  // through a double a decimal may be rounded twice: only the text that a float4 itself prints is safe
  return number !== undefined && float4Text(Math.fround(number)) === text ? Math.fround(number) : text
}

const writerOf = (size: 4 | 8): Writer => {
  const valueOf = size === 8 ? valueOf8 : valueOf4
  return {
    format: (value) => (typeof valueOf(value) === "string" ? 0 : 1),
    text: (value) => {
      const number = valueOf(value)
      return typeof number === "string" ? number : numberText(number)
    },
    binary: (value, out) => {
      const number = Number(valueOf(value))
      if (size === 8) out.float64(number)
      else out.float32(number)
    }
  }
}

const readFloat8 = (bytes: Uint8Array, offset: number, length: number): number => {
  if (length !== 8) throw wrongLength("float8", 8, length)
  return float64(bytes, offset)
}

const readFloat4 = (bytes: Uint8Array, offset: number, length: number): number => {
  if (length !== 4) throw wrongLength("float4", 4, length)
  return float32(bytes, offset)
}

const parse8 = (text: string): number => {
  const value = numberOf(text)
  if (value === undefined) throw malformed("float8", "a number")
  return value
}

const parse4 = (text: string): number => {
  const value = numberOf(text)
  if (value === undefined) throw malformed("float4", "a number")
  return Math.fround(value)
}

export const float8: Codec = scalar({
  name: "float8",
  defaultForm: "number",
  readers: {
    number: { format: 1, binary: readFloat8, parse: parse8 },
    text: {
      format: 1,
      binary: (bytes, offset, length) => numberText(readFloat8(bytes, offset, length)),
      parse: (text) => numberText(parse8(text))
    }
  },
  writer: writerOf(8)
})

export const float4: Codec = scalar({
  name: "float4",
  defaultForm: "number",
  readers: {
    number: { format: 1, binary: readFloat4, parse: parse4 },
    text: {
      format: 1,
      binary: (bytes, offset, length) => float4Text(readFloat4(bytes, offset, length)),
      parse: (text) => float4Text(parse4(text))
    }
  },
  writer: writerOf(4)
})
