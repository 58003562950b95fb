// Types of the system itself: tid, pg_lsn, pg_snapshot, jsonpath and other versioned text, money, and reg*. Form: text, as the server
// writes it; reg* also number, the OID.
import { int32, int64, uint16, uint32 } from "../BigEndian.ts"
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { readText } from "../Text.ts"
import { malformed, wrongLength } from "../ValueError.ts"
import { oid } from "./Integer.ts"
import { textOnly, textWriter } from "./Text.ts"

/** A writer of strings that the server has to parse. */
const serverParsed = (type: string): Writer => {
  const writer = textWriter(type)
  return { ...writer, format: (value) => (writer.format(value), 0) }
}

// block and offset. Source: src/backend/utils/adt/tid.c
export const tid: Codec = scalar({
  name: "tid",
  defaultForm: "text",
  readers: {
    text: {
      format: 1,
      parse: (text) => text,
      binary: (bytes, offset, length) => {
        if (length !== 6) throw wrongLength("tid", 6, length)
        return `(${uint32(bytes, offset)},${uint16(bytes, offset + 4)})`
      }
    }
  },
  writer: serverParsed("tid")
})

// two halves in hexadecimal: asked for as text, because versions differ in the zeros of the second. Source: src/backend/utils/adt/pg_lsn.c
export const pgLsn: Codec = scalar({
  name: "pg_lsn",
  defaultForm: "text",
  readers: {
    text: {
      format: 0,
      parse: (text) => text,
      binary: (bytes, offset, length) => {
        if (length !== 8) throw wrongLength("pg_lsn", 8, length)
        return `${uint32(bytes, offset).toString(16)}/${uint32(bytes, offset + 4).toString(16)}`.toUpperCase()
      }
    }
  },
  writer: serverParsed("pg_lsn")
})

// count, xmin, xmax, then the transactions in progress. Source: src/backend/utils/adt/xid8funcs.c, pg_snapshot_send
export const snapshot = (name: string): Codec =>
  scalar({
    name,
    defaultForm: "text",
    readers: {
      text: {
        format: 0,
        parse: (text) => text,
        binary: (bytes, offset, length) => {
          const count = length < 20 ? -1 : int32(bytes, offset)
          if (count < 0 || length !== 20 + count * 8) throw malformed(name, "a count and its transactions")
          const running: Array<bigint> = []
          for (let i = 0; i < count; i++) running.push(int64(bytes, offset + 20 + i * 8))
          return `${int64(bytes, offset + 4)}:${int64(bytes, offset + 12)}:${running.join(",")}`
        }
      }
    },
    writer: serverParsed(name)
  })

/** Text behind a version byte in binary: jsonpath, and ltree's types. Source: src/backend/utils/adt/jsonpath.c, contrib/ltree/ltree_io.c */
export const versioned = (name: string): Codec => {
  const writer = textWriter(name)
  return scalar({
    name,
    defaultForm: "text",
    readers: {
      text: {
        format: 0,
        parse: (text) => text,
        binary: (bytes, offset, length) => {
          if (length < 1 || bytes[offset] !== 1) throw malformed(name, "version 1")
          return readText(name, bytes, offset + 1, length - 1)
        }
      }
    },
    writer: {
      ...writer,
      binary: (value, out) => {
        out.uint8(1)
        writer.binary(value, out)
      }
    }
  })
}

/** Its binary form is an int8 whose point depends on lc_monetary, which the client does not know. */
export const money: Codec = textOnly("money")

/** regclass, regtype …: the name in text, which only the server can resolve; the OID in binary. */
export const registered = (name: string): Codec => {
  const number = oid.reader("number")
  const writer = oid.writer()
  return scalar({
    name,
    defaultForm: "text",
    readers: {
      text: { format: 0, parse: (text) => text },
      ...(number === undefined ? {} : { number: { format: 1, binary: number.binary } })
    },
    writer: writer === undefined ? serverParsed(name) : nameOrOid(name, writer)
  })
}

const nameOrOid = (name: string, oidWriter: Writer): Writer => {
  const names = serverParsed(name)
  const of = (value: unknown) => (typeof value === "number" ? oidWriter : names)
  return {
    format: (value) => of(value).format(value),
    text: (value) => of(value).text(value),
    binary: (value, out) => of(value).binary(value, out)
  }
}
