// hstore: an object of strings, NULL values as null. Own keys only, `__proto__` included. Form: map. Source: contrib/hstore/hstore_io.c,
// hstore_send, hstore_out. Found by name, because an extension's OID differs in every database.
import { int32 } from "../BigEndian.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { setOwn } from "../setOwn.ts"
import { checkText, readText } from "../Text.ts"
import { malformed, notTaken } from "../ValueError.ts"
import { partLength, quoted } from "./nested.ts"

const type = "hstore"

const readBinary = (bytes: Uint8Array, offset: number, length: number): Record<string, string | null> => {
  const end = offset + length
  const count = length < 4 ? -1 : int32(bytes, offset)
  let at = offset + 4
  // a pair takes 8 bytes at least
  if (count < 0 || count * 8 > end - at) throw malformed(type, "as many pairs as it says")
  const map: Record<string, string | null> = {}
  const part = (): string | null => {
    const size = partLength(type, bytes, at, end)
    at += 4 + Math.max(size, 0)
    return size < 0 ? null : readText(type, bytes, at - size, size)
  }
  for (let i = 0; i < count; i++) {
    const key = part()
    if (key === null) throw malformed(type, "a key")
    setOwn(map, key, part())
  }
  if (at !== end) throw malformed(type, "nothing behind its pairs")
  return map
}

/** A quoted string of `text` from `start`: its value and where it ends. A loop, because values are as long as they like. */
const parseQuoted = (text: string, start: number): { readonly value: string; readonly end: number } => {
  let value = ""
  let from = start + 1
  if (text[start] === '"') {
    for (let i = from; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit === 0x5c) {
        value += text.slice(from, i)
        from = ++i
      } else if (unit === 0x22) return { value: value + text.slice(from, i), end: i + 1 }
    }
  }
  throw malformed(type, "pairs of quoted strings")
}

const parse = (text: string): Record<string, string | null> => {
  const map: Record<string, string | null> = {}
  let at = 0
  while (at < text.length) {
    const key = parseQuoted(text, at)
    if (!text.startsWith("=>", key.end)) throw malformed(type, "pairs of quoted strings")
    const isNull = text.startsWith("NULL", key.end + 2)
    const item = isNull ? { value: null, end: key.end + 6 } : parseQuoted(text, key.end + 2)
    setOwn(map, key.value, item.value)
    if (item.end < text.length && (!text.startsWith(", ", item.end) || item.end + 2 === text.length)) {
      throw malformed(type, "pairs with commas between them")
    }
    at = item.end + 2
  }
  return map
}

const pairsOf = (value: unknown): ReadonlyArray<readonly [string, string | null]> => {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)
  if (!isMap || ArrayBuffer.isView(value) || value instanceof Map)
    throw notTaken(type, value, "make it an object of strings")
  const pairs: Array<readonly [string, string | null]> = []
  for (const [key, item] of Object.entries(value)) {
    if (item !== null && typeof item !== "string") throw notTaken(type, item, "its values are strings or null")
    pairs.push([checkText(type, key), item === null ? null : checkText(type, item)])
  }
  return pairs
}

const writer: Writer = {
  format: (value) => (typeof value === "string" ? (checkText(type, value), 0) : (pairsOf(value), 1)),
  text: (value) =>
    typeof value === "string"
      ? checkText(type, value)
      : pairsOf(value)
          .map(([key, item]) => `${quoted(key)}=>${item === null ? "NULL" : quoted(item)}`)
          .join(", "),
  binary: (value, out) => {
    const pairs = pairsOf(value)
    out.int32(pairs.length)
    for (const [key, item] of pairs) {
      out.value(key)
      out.value(item)
    }
  }
}

export const hstore: Codec = scalar({
  name: type,
  defaultForm: "map",
  readers: { map: { format: 1, binary: readBinary, parse } },
  writer
})
