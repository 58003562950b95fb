// `postgresql://user:password@host1:port1,host2:port2/dbname?keyword=value`, split and decoded as libpq does it, byte for
// byte: not a WHATWG URL. No value is judged and no default filled in here. Source: `conninfo_uri_parse_options`,
// `conninfo_uri_parse_params` and `conninfo_uri_decode` in fe-connect.c of PostgreSQL 18; manual, "Connection URIs".
//
// Stricter in two things: a string that is not Unicode, and percent-encoded bytes that are not UTF-8, are errors.
import * as Either from "effect/Either"
import { canonicalPair } from "./keywords.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"
import { unknownKeyword } from "./unknownKeyword.ts"

/** Values by libpq keyword. May hold the password: it goes no further than `resolve`. */
export type KeywordValues = ReadonlyMap<string, string>

type Parsed<A> = Either.Either<A, SettingsIssue>

/** A stretch of the URI, and where it began: counted in characters from 1, for messages. */
interface Piece {
  readonly part: string
  readonly text: string
  readonly at: number
}

const wrong = (piece: Piece, issue: string): Either.Either<never, SettingsIssue> =>
  Either.left(settingsIssue("url", `in the connection URI, ${piece.part} (from character ${piece.at} on) ${issue}`))

const prefixes = ["postgresql://", "postgres://"]

/** libpq looks at these two spellings only; case matters. */
export const isConnectionUri = (text: string): boolean => prefixes.some((prefix) => text.startsWith(prefix))

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const toUtf8 = new TextEncoder()

/** Decodes `%XX`; blanks around the text are dropped, blanks inside are refused (PostgreSQL 18). */
const decode = (piece: Piece): Parsed<string> => {
  const text = piece.text.replace(/^ +/, "").replace(/ +$/, "")
  if (text.includes(" ")) return wrong(piece, "has a blank inside; write it as %20")
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return wrong(piece, "has a % that is not followed by two hexadecimal digits")
  if (text.includes("%00")) return wrong(piece, "has a %00, which no value may contain")
  const bytes: Array<number> = []
  for (const part of text.split(/(%[0-9A-Fa-f]{2})/)) {
    if (part.startsWith("%")) bytes.push(Number.parseInt(part.slice(1), 16))
    else for (const byte of toUtf8.encode(part)) bytes.push(byte)
  }
  return Either.try({
    try: () => utf8.decode(Uint8Array.from(bytes)),
    catch: () => settingsIssue("url", `in the connection URI, ${piece.part} is not UTF-8 once decoded`)
  })
}

/** Where any of `stops` stands first at or after `from`, or the end. */
const find = (uri: string, from: number, stops: string): number => {
  let at = from
  while (at < uri.length && !stops.includes(uri.charAt(at))) at++
  return at
}

interface Authority {
  readonly hosts: Piece
  readonly ports: Piece
  /** index of the `/` or `?` behind it, or the end */
  readonly end: number
}

/** The comma-separated list. An element is `[address]`, `name` or nothing, each with `:port` or without. */
const splitHosts = (uri: string, start: number): Parsed<Authority> => {
  const hosts: Array<string> = []
  const ports: Array<string> = []
  let at = start
  for (;;) {
    const piece: Piece = { part: `host ${hosts.length + 1}`, text: "", at: at + 1 }
    if (uri.charAt(at) === "[") {
      const close = uri.indexOf("]", at)
      if (close < 0) return wrong(piece, "has an opening bracket without a closing one")
      if (close === at + 1) return wrong(piece, "has empty brackets")
      hosts.push(uri.slice(at + 1, close))
      at = close + 1
      if (at < uri.length && !":/?,".includes(uri.charAt(at))) {
        return wrong(piece, 'has something other than ":", "/", "?" or "," behind its closing bracket')
      }
    } else {
      const end = find(uri, at, ":/?,")
      hosts.push(uri.slice(at, end))
      at = end
    }
    const portEnd = uri.charAt(at) === ":" ? find(uri, at + 1, "/?,") : at
    ports.push(uri.slice(at + 1, portEnd))
    at = portEnd
    if (uri.charAt(at) !== ",") break
    at++
  }
  return Either.right({
    hosts: { part: "the host list", text: hosts.join(","), at: start + 1 },
    ports: { part: "the list of ports", text: ports.join(","), at: start + 1 },
    end: at
  })
}

const parseQuery = (uri: string, start: number, values: Map<string, string>): Parsed<void> =>
  Either.gen(function* () {
    let at = start
    let number = 1
    while (at < uri.length) {
      const end = find(uri, at, "&")
      const text = uri.slice(at, end)
      const piece: Piece = { part: `query parameter ${number}`, text, at: at + 1 }
      const separator = text.indexOf("=")
      if (separator < 0) return yield* wrong(piece, 'has no "=" between keyword and value')
      if (text.indexOf("=", separator + 1) >= 0) return yield* wrong(piece, 'has a second "="; write it as %3D')
      const name = yield* decode({ ...piece, text: text.slice(0, separator) })
      const value = yield* decode({ ...piece, text: text.slice(separator + 1) })
      // JDBC's spelling, the only one of its kind that libpq takes.
      const pair = name === "ssl" && value === "true" ? (["sslmode", "require"] as const) : canonicalPair(name, value)
      if (pair === undefined) return yield* wrong(piece, unknownKeyword(name))
      values.set(pair[0], pair[1])
      at = end + 1
      number++
    }
  })

/** Splits and decodes a URI for which `isConnectionUri` holds. A keyword given twice: the last one counts. Never throws. */
export const parseConnectionUri = (uri: string): Parsed<KeywordValues> =>
  Either.gen(function* () {
    const values = new Map<string, string>()
    const store = (name: string, piece: Piece): Parsed<void> =>
      piece.text === ""
        ? Either.right(undefined)
        : Either.map(decode(piece), (value) => {
            values.set(name, value)
          })
    const start = (prefixes.find((prefix) => uri.startsWith(prefix)) ?? "").length

    // A user part is there if an "@" comes before the first "/".
    const at = find(uri, start, "@/")
    const hasUser = uri.charAt(at) === "@"
    if (hasUser) {
      const colon = find(uri, start, ":@")
      yield* store("user", { part: "the user", text: uri.slice(start, colon), at: start + 1 })
      yield* store("password", { part: "the password", text: uri.slice(colon + 1, at), at: colon + 2 })
    }

    const authority = yield* splitHosts(uri, hasUser ? at + 1 : start)
    yield* store("host", authority.hosts)
    // Only commas say nothing about any port, but libpq stores them.
    yield* store("port", authority.ports)

    let end = authority.end
    if (uri.charAt(end) === "/") {
      const query = find(uri, end, "?")
      yield* store("dbname", { part: "the database", text: uri.slice(end + 1, query), at: end + 2 })
      end = query
    }
    yield* parseQuery(uri, end + 1, values)
    return values
  })
