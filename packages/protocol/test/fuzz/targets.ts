// What the fuzzer feeds, and what must hold whatever comes: values or the error the contract names, nothing held or allocated above the cap, the
// same answer however the bytes are cut. A broken promise is an ordinary Error, told apart from the expected ones by its class.
import {
  type BackendMessage,
  type CopyData,
  copyPayloads,
  type Direction,
  encodeBackend,
  EncodeError,
  encodeFrontend,
  type FrontendMessage,
  makeBackendDecoder,
  makeFrontendDecoder,
  type MessageDecoder,
  preparePassword,
  ProtocolViolation,
  RowCursor,
  type Rows,
  saslPrep,
  scramClient,
  ScramError,
  tlsServerEndPoint,
  Transcript,
  transcriptLine
} from "../../src/index.ts"
import { decodeBase64, encodeBase64 } from "../../src/authentication/base64.ts"
import { certificates } from "../authentication/certificates.ts"
import { flatten } from "../session.ts"
import type { Session } from "./corpus.ts"
import { mutatedText } from "./mutate.ts"
import type { Random } from "./Random.ts"

export class BrokenPromise extends Error {
  override readonly name = "BrokenPromise"
}

/** What came out of the inputs so far. */
export interface Tally {
  frames: number
  violations: number
  /** of the frames: columns and COPY payloads that were walked */
  rows: number
  largestHeld: number
}

/** Frames of fixed-length types may be as long as libpq allows, whatever the setting says; Frame.ts, lengthLimit. */
const fixedCap = 30_000 + 1
const parameterCap = 4 + 2 + 4 * 65_535 + 1

const anyDecoder = (direction: Direction, maxMessageSize: number): MessageDecoder<BackendMessage | FrontendMessage> => {
  const decoder: { readonly [K in keyof MessageDecoder<never>]: unknown } =
    direction === "F" ? makeFrontendDecoder({ maxMessageSize }) : makeBackendDecoder({ maxMessageSize })
  return decoder as MessageDecoder<BackendMessage | FrontendMessage> // either half of the union decodes to the union
}

const expected = (error: unknown, ...kinds: ReadonlyArray<new (...args: never) => Error>): void => {
  if (!kinds.some((kind) => error instanceof kind)) throw error
}

/** Bytes kept for a frame that is not whole, and the buffer they are in. */
const checkHeld = <M>(decoder: MessageDecoder<M>, cap: number, tally: Tally): void => {
  const hold: unknown = Reflect.get(decoder, "hold")
  const buffer = hold instanceof Uint8Array ? hold.buffer.byteLength : Number.NaN
  if (decoder.heldBytes > tally.largestHeld) tally.largestHeld = decoder.heldBytes
  if (!(decoder.heldBytes <= cap && buffer <= Math.max(cap, 1024))) {
    throw new BrokenPromise(`${decoder.heldBytes} bytes held in a buffer of ${buffer}, the cap is ${cap}`)
  }
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const textOf = (bytes: Uint8Array, start: number, length: number): string | null | undefined => {
  if (length < 0) return null
  try {
    return strict.decode(bytes.subarray(start, start + length))
  } catch {
    return undefined
  }
}

const walkRows = (rows: Rows, columns: number, random: Random, tally: Tally): void => {
  const cursor = new RowCursor(columns)
  // now and then a run that nobody's decoder made
  const bent = random.once(16)
    ? {
        ...rows,
        end: rows.end + random.below(9) - 4,
        offset: rows.offset + random.below(5) - 2,
        count: rows.count + random.below(3) - 1
      }
    : rows
  try {
    cursor.open(bent)
    while (cursor.next()) {
      tally.rows++
      for (let i = 0; i < cursor.positions.length; i += 2) {
        const start = cursor.positions[i] ?? -1
        const length = cursor.positions[i + 1] ?? -2
        if (length < -1 || start < 0 || start + Math.max(length, 0) > rows.bytes.length) {
          throw new BrokenPromise(`column at ${start} with ${length} bytes of ${rows.bytes.length}`)
        }
        const text = cursor.text(i >> 1)
        if (random.once(32) && text !== textOf(rows.bytes, start, length)) throw new BrokenPromise(`text ${text}`)
      }
    }
  } catch (error) {
    expected(error, ProtocolViolation)
  }
}

const countOf = (message: BackendMessage | FrontendMessage): number =>
  message._tag === "Rows" || message._tag === "CopyData" ? message.count : 1

/** One exit for encoding: an exact length, or EncodeError. */
const checkEncoding = (direction: Direction, message: BackendMessage | FrontendMessage): void => {
  try {
    // a message of the other direction is not what a decoder returns
    const bytes =
      direction === "F" ? encodeFrontend(message as FrontendMessage) : encodeBackend(message as BackendMessage)
    if (message._tag === "Rows" || message._tag === "CopyData") return
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const untyped = bytes[0] === 0
    if (view.getInt32(untyped ? 0 : 1) !== bytes.length - (untyped ? 0 : 1)) {
      throw new BrokenPromise(`${message._tag} of ${bytes.length} bytes with another length field`)
    }
  } catch (error) {
    expected(error, EncodeError)
  }
}

const control = /[\0-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/u // oxlint-disable-line no-control-regex -- looked for, not matched by accident

const checkTranscript = (direction: Direction, messages: ReadonlyArray<BackendMessage | FrontendMessage>): void => {
  const ring = new Transcript({ capacity: 4, values: "show", maxLineLength: 500 })
  for (const message of messages) {
    const line =
      direction === "F"
        ? transcriptLine("F", message as FrontendMessage, { values: "show", maxLineLength: 500 })
        : transcriptLine("B", message as BackendMessage, { values: "show", maxLineLength: 500 })
    if (line.length > 500 + 30 || control.test(line)) throw new BrokenPromise(`a line of a transcript: ${line}`)
    if (direction === "F") ring.add("F", message as FrontendMessage)
    else ring.add("B", message as BackendMessage)
  }
  if (ring.lines().length > 4) throw new BrokenPromise("the ring remembers too much")
}

/** Everything a decoder says of `pieces`, and its violation. */
const decodePieces = (direction: Direction, cap: number, pieces: ReadonlyArray<Uint8Array>): string => {
  const decoder = anyDecoder(direction, cap)
  const out: Array<unknown> = []
  try {
    for (const piece of pieces) out.push(...flatten(decoder.push(piece)))
    decoder.finish()
  } catch (error) {
    expected(error, ProtocolViolation)
    out.push(String(error))
  }
  return JSON.stringify(out, (_key, value: unknown) =>
    value instanceof Uint8Array ? Array.from(value).join() : Object.is(value, -0) ? "-0" : value
  )
}

const unlimited = 64 * 1024 * 1024
const caps = [64, 1024, 65_536, unlimited]

/** No frame of a run is above the cap, also not one that came whole behind others. */
const checkRun = (run: Rows | CopyData, cap: number): void => {
  const view = new DataView(run.bytes.buffer, run.bytes.byteOffset)
  for (let at = run.offset; at < run.end;) {
    const length = view.getInt32(at + 1)
    if (length > cap || length < 4) throw new BrokenPromise(`a frame of length ${length} in a run, the cap is ${cap}`)
    at += 1 + length
  }
}

/** Feeds `bytes` to a decoder of `direction`, in random pieces, and does with the messages what their receivers would. */
export const decodeTarget = (
  direction: Direction,
  { prelude }: Session,
  bytes: Uint8Array,
  legal: boolean,
  random: Random,
  tally: Tally
): void => {
  const cap = legal ? unlimited : random.once(3) ? 30 + random.below(200) : random.pick(caps)
  const heldCap = Math.max(cap + 1, direction === "F" ? 65_536 : Math.min(parameterCap, Math.max(fixedCap, cap + 1)))
  const decoder = anyDecoder(direction, cap)
  const step = random.once(3) ? bytes.length : 1 + random.below(random.once(2) ? 16 : 400)
  let columns = -1
  const messages: Array<BackendMessage | FrontendMessage> = []
  try {
    decoder.push(prelude)
    for (let at = 0; at < bytes.length; at += Math.max(step, bytes.length >> 8)) {
      const piece = bytes.subarray(at, at + Math.max(step, bytes.length >> 8))
      const said = decoder.push(piece)
      checkHeld(decoder, heldCap, tally)
      for (const message of said) {
        tally.frames += countOf(message)
        if (message._tag === "Rows" || message._tag === "CopyData") checkRun(message, cap)
        if (message._tag === "RowDescription") columns = message.columns.length
        else if (message._tag === "Rows") {
          const seen = ((message.bytes[message.offset + 5] ?? 0) << 8) | (message.bytes[message.offset + 6] ?? 0)
          walkRows(message, columns < 0 || random.once(2) ? seen : columns, random, tally)
        } else if (message._tag === "CopyData") tally.rows += copyPayloads(message).length
        messages.push(message)
      }
    }
    decoder.finish()
  } catch (error) {
    tally.frames++
    tally.violations++
    expected(error, ProtocolViolation)
    if (legal) throw new BrokenPromise("a legal session was refused", { cause: error })
    if (decoder.heldBytes !== 0 && decoder.violation?.during !== "frame") {
      throw new BrokenPromise("bytes are held after a violation", { cause: error })
    }
  }
  if (random.once(4)) for (const message of messages) checkEncoding(direction, message)
  if (random.once(8)) checkTranscript(direction, messages)
  if (bytes.length < 2000 && random.once(16)) {
    const whole = decodePieces(direction, cap, [prelude, bytes])
    const at = random.below(bytes.length + 1)
    const split = decodePieces(direction, cap, [prelude, bytes.subarray(0, at), bytes.subarray(at)])
    if (whole !== split) throw new BrokenPromise(`split at byte ${at} the bytes say something else`)
  }
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff)
const nonce = "pgfx+golden+session+0001"
const serverFirst = `r=${nonce}GA+J7UhNmPRNkWHONRYNWdNx,s=xnKkOTcYERn2mqt8fZxqmA==,i=4096`
const serverFinal = "v=vS2PxGS76frCOph/DnWLBNq0bq5f9DADHFpgWEHa7UHXg="
const saltedPassword = new Uint8Array(32)

const counts = ["0", "1", "4095", "4096", "100000", "100001", "4294967296", "9".repeat(30), "1e5", "-5096", "04096"]
const salts = ["", "AA==", "AB==", `${"A".repeat(1460)}AA==`, "A", "===="]

const mutatedFirst = (random: Random): string => {
  switch (random.below(4)) {
    case 0:
      return serverFirst.replace(/\d+$/, random.pick(counts))
    case 1:
      return serverFirst.replace(/(?<=,s=)[^,]*/, random.pick(salts))
    case 2:
      return serverFirst
    default:
      return mutatedText(serverFirst, random)
  }
}

/** A server's SCRAM messages, mutated: ScramError or a next step, and never "verified". */
export const scramTarget = (random: Random, tally: Tally): void => {
  const scram = scramClient({ nonce, channelBinding: { type: "none" } })
  try {
    scram.clientFirst()
    const bytes = ascii(mutatedFirst(random))
    const first = String.fromCharCode(...bytes)
    const { iterations, salt } = scram.serverFirst(bytes)
    if (
      iterations > 100_000 ||
      iterations < 4096 ||
      salt.length > 1024 ||
      !first.includes(`,s=${encodeBase64(salt)},`)
    ) {
      throw new BrokenPromise(`accepted: ${first}`)
    }
    scram.clientFinal(saltedPassword)
    scram.serverFinal(ascii(mutatedText(serverFinal, random)))
    throw new BrokenPromise("a mutated signature was accepted")
  } catch (error) {
    expected(error, ScramError)
    tally.violations++
  }
  if (scram.verified) throw new BrokenPromise("verified without a signature")
}

/** Passwords of any characters: prepared, raw, or EncodeError. */
export const saslPrepTarget = (text: string, random: Random, tally: Tally): void => {
  const password = mutatedText(text, random)
  const prepared = saslPrep(password)
  if (prepared !== undefined && saslPrep(prepared) !== undefined && saslPrep(prepared) !== prepared) {
    throw new BrokenPromise("SASLprep is not idempotent")
  }
  try {
    if (preparePassword(password).length === 0) throw new BrokenPromise("an empty password")
  } catch (error) {
    expected(error, EncodeError)
    tally.violations++
  }
  const decoded = decodeBase64(password)
  if (decoded !== undefined && decoded.length * 4 > password.length * 3) throw new BrokenPromise("base64 grew")
}

const ders = certificates.map(({ der }) => decodeBase64(der) ?? new Uint8Array(0))

/** A certificate with bytes changed: a hash that is not empty, or the reason why there is none. */
export const certificateTarget = (random: Random): void => {
  const der = Uint8Array.from(random.pick(ders))
  for (let n = random.below(5); n > 0; n--)
    der[random.below(der.length)] = random.pick([0, 0x80, 0x84, 0xff, random.below(256)])
  const endPoint = tlsServerEndPoint(random.once(4) ? der.subarray(0, random.below(der.length)) : der)
  if (endPoint instanceof Uint8Array ? endPoint.length < 28 : endPoint.unbindable === "") {
    throw new BrokenPromise("an empty channel binding")
  }
}
