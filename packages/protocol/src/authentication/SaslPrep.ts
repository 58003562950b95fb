// SASLprep (RFC 4013) for passwords, as PostgreSQL does it (common/saslprep.c, pg_saslprep): both ends must prepare a password alike
// or the proof fails, so where PostgreSQL and the RFC part, this is PostgreSQL's. It checks the mapped text, not the normalized one,
// and a password the profile refuses is used as it is (the raw fallback of fe-auth-scram.c, scram_init).
// User names are not prepared: PostgreSQL takes them from the start-up packet. The bytes handed out are fresh and the caller's.
import { utf8ToBytes } from "@noble/hashes/utils"
import { EncodeError } from "../EncodeError.ts"
import { isWellFormed } from "../Utf8.ts"
import * as tables from "./SaslPrepTables.generated.ts"

/** First and last code points of ranges, alternating, ascending. */
type Ranges = ReadonlyArray<number>

const unpack = (packed: string): Ranges => {
  let at = 0
  return packed.split(" ").map((word) => (at += Number.parseInt(word, 36)))
}

interface Tables {
  readonly nonAsciiSpace: Ranges
  readonly mappedToNothing: Ranges
  readonly prohibited: Ranges
  readonly rightToLeft: Ranges
  readonly leftToRight: Ranges
}

let unpacked: Tables | undefined

/** Unpacked for the first password that is not ASCII; most programs never see one. */
const unpackOnce = (): Tables =>
  (unpacked ??= {
    nonAsciiSpace: unpack(tables.nonAsciiSpace),
    mappedToNothing: unpack(tables.mappedToNothing),
    prohibited: unpack(tables.prohibited),
    rightToLeft: unpack(tables.rightToLeft),
    leftToRight: unpack(tables.leftToRight)
  })

const includes = (ranges: Ranges, code: number): boolean => {
  let low = 0
  let high = ranges.length / 2 - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    if (code < (ranges[middle * 2] ?? 0)) high = middle - 1
    else if (code > (ranges[middle * 2 + 1] ?? 0)) low = middle + 1
    else return true
  }
  return false
}

/** RFC 3454 §6: text with a right-to-left character has no left-to-right one, and begins and ends with right-to-left ones. */
const isBidirectional = (codes: ReadonlyArray<number>, { leftToRight, rightToLeft }: Tables): boolean => {
  if (!codes.some((code) => includes(rightToLeft, code))) return true
  return (
    !codes.some((code) => includes(leftToRight, code)) &&
    includes(rightToLeft, codes[0] ?? 0) &&
    includes(rightToLeft, codes[codes.length - 1] ?? 0)
  )
}

/**
 * The prepared form of a password, or `undefined` if SASLprep refuses it: it holds control characters, private use or unassigned
 * (Unicode 3.2) code points and the like, mixes directions, or is empty once mapped.
 *
 * Source: RFC 4013 §2, in the order of PostgreSQL's pg_saslprep.
 */
export const saslPrep = (password: string): string | undefined => {
  // Printable ASCII maps, normalizes and checks to itself.
  if (/^[\x20-\x7e]+$/.test(password)) return password
  const ranges = unpackOnce()
  const codes: Array<number> = []
  for (const character of password) {
    const code = character.codePointAt(0) ?? 0
    if (includes(ranges.nonAsciiSpace, code)) codes.push(0x20)
    else if (!includes(ranges.mappedToNothing, code)) codes.push(code)
  }
  if (codes.length === 0) return undefined
  if (codes.some((code) => includes(ranges.prohibited, code))) return undefined
  if (!isBidirectional(codes, ranges)) return undefined
  // Code points assigned in Unicode 3.2 normalize alike in every later version (Unicode's stability policy), here and in the server.
  return codes
    .map((code) => String.fromCodePoint(code))
    .join("")
    .normalize("NFKC")
}

/**
 * The bytes that SCRAM derives the salted password from: SASLprep's answer in UTF-8, or the password as it is where SASLprep refuses
 * it, as libpq does.
 *
 * @throws EncodeError for what no PostgreSQL password can be: empty, with a NUL character, with half of a surrogate pair
 */
export const preparePassword = (password: string): Uint8Array => {
  const refuse = (issue: string): never => {
    throw new EncodeError({ during: "SASLprep", field: "password", issue })
  }
  if (password === "") refuse("is empty; PostgreSQL accepts no empty password")
  if (password.includes("\0")) refuse("holds a NUL character")
  if (!isWellFormed(password)) refuse("holds half of a surrogate pair, which has no UTF-8 form")
  return utf8ToBytes(saslPrep(password) ?? password)
}
