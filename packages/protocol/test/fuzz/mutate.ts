// Mutations of a session's bytes: of single bits, of lengths and numbers, of frames as such, and of bodies whose frame then gets its right length,
// so that also the readers behind the header see nonsense. The result is fresh; the session is left alone.
import type { Session } from "./corpus.ts"
import type { Random } from "./Random.ts"

/** Frames in one input: enough for an order to be wrong, few enough for millions of inputs. */
const window = 12

/** Numbers at which a careless reader breaks. */
const int32s = [
  0, 1, 3, 4, 5, 6, 7, 8, -1, -2, 0x7fffffff, -0x80000000, 0x7ffffffb, 0x01000000, 30_000, 65_535, 0x10000
]
const int16s = [0, 1, 2, 0x7f, 0xff, 0x7fff, 0x8000, 0xfffe, 0xffff]
const types = [..."123ABCDEFGHIKNPQRSTVWXZcdfnpstv"].map((letter) => letter.charCodeAt(0))

/** Bytes under mutation, with the beginnings of frames as far as they are still known. */
interface Draft {
  bytes: Uint8Array
  starts: Array<number>
}

/** Positions behind the end, which earlier mutations leave, mean the end. */
const splice = (bytes: Uint8Array, from: number, remove: number, insert: Uint8Array): Uint8Array => {
  const at = Math.min(from, bytes.length)
  const rest = bytes.subarray(at + remove)
  const out = new Uint8Array(at + insert.length + rest.length)
  out.set(bytes.subarray(0, at))
  out.set(insert, at)
  out.set(rest, at + insert.length)
  return out
}

/** Start-up packets have no type byte, so their length comes first. */
const headerOf = (draft: Draft, index: number): { readonly at: number; readonly lengthAt: number } => {
  const at = draft.starts[index] ?? 0
  const untyped = draft.bytes[at] === 0
  return { at, lengthAt: untyped ? at : at + 1 }
}

const setInt32 = (bytes: Uint8Array, at: number, value: number): void => {
  if (at + 4 > bytes.length) return
  bytes[at] = value >> 24
  bytes[at + 1] = value >> 16
  bytes[at + 2] = value >> 8
  bytes[at + 3] = value
}

type Mutation = (draft: Draft, random: Random, other: Session) => void

const bitFlips: Mutation = ({ bytes }, random) => {
  for (let n = 1 + random.below(6); n > 0; n--) {
    const at = random.below(bytes.length)
    if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  }
}

const oneByte: Mutation = ({ bytes }, random) => {
  const at = random.below(bytes.length)
  if (at < bytes.length) bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)])
}

const lengthField: Mutation = (draft, random) => {
  const { lengthAt } = headerOf(draft, random.below(draft.starts.length - 1))
  if (random.once(2)) return setInt32(draft.bytes, lengthAt, random.pick(int32s))
  const at = lengthAt + 3
  if (at < draft.bytes.length) draft.bytes[at] = (draft.bytes[at] ?? 0) + random.pick([-1, 1, 4, -4])
}

const anyInt32: Mutation = ({ bytes }, random) => setInt32(bytes, random.below(bytes.length), random.pick(int32s))

const anyInt16: Mutation = ({ bytes }, random) => {
  const at = random.below(bytes.length - 1)
  const value = random.pick(int16s)
  if (at + 2 > bytes.length) return
  bytes[at] = value >> 8
  bytes[at + 1] = value
}

const typeByte: Mutation = (draft, random) => {
  const { at } = headerOf(draft, random.below(draft.starts.length - 1))
  if (at < draft.bytes.length) draft.bytes[at] = random.pick(types)
}

const truncate: Mutation = (draft, random) => {
  draft.bytes = draft.bytes.slice(0, random.below(draft.bytes.length + 1))
}

const garbage: Mutation = (draft, random) => {
  const insert = Uint8Array.from({ length: 1 + random.below(24) }, () => random.bits())
  const at = random.once(2) ? random.below(draft.bytes.length + 1) : random.pick(draft.starts)
  draft.bytes = splice(draft.bytes, at, 0, insert)
}

/** Frames again, without, or in another order. */
const frames: Mutation = (draft, random) => {
  const count = draft.starts.length - 1
  if (count < 1) return
  const frame = (i: number): Uint8Array => draft.bytes.slice(draft.starts[i] ?? 0, draft.starts[i + 1] ?? 0)
  const [i, j] = [random.below(count), random.below(count)]
  const [a, b] = [frame(i), frame(j)]
  const at = draft.starts[i] ?? 0
  switch (random.below(3)) {
    case 0:
      draft.bytes = splice(draft.bytes, at, 0, b)
      break
    case 1:
      draft.bytes = splice(draft.bytes, at, a.length, new Uint8Array(0))
      break
    default:
      draft.bytes = splice(draft.bytes, at, a.length, b)
  }
  reframe(draft)
}

/** A piece of another session, from a frame's beginning or from anywhere. */
const foreign: Mutation = (draft, random, other) => {
  const from = random.once(3) ? random.below(other.bytes.length) : random.pick(other.starts)
  const piece = other.bytes.subarray(from, from + 1 + random.below(200))
  const at = random.once(3) ? random.below(draft.bytes.length + 1) : random.pick(draft.starts)
  draft.bytes = splice(draft.bytes, at, 0, piece)
}

/** A body that is longer or shorter than it was, in a frame that says so. */
const body: Mutation = (draft, random) => {
  const index = random.below(draft.starts.length - 1)
  const { at, lengthAt } = headerOf(draft, index)
  const start = lengthAt + 4
  const end = draft.starts[index + 1] ?? start
  if (end <= start || end > draft.bytes.length) return
  const where = start + random.below(end - start + 1)
  const remove = random.once(2) ? random.below(Math.min(9, end - where + 1)) : 0
  const insert = random.once(2)
    ? Uint8Array.from({ length: random.below(9) }, () => random.pick([0, 0, 0xff, 0x7f, random.below(256)]))
    : new Uint8Array(0)
  draft.bytes = splice(draft.bytes, where, remove, insert)
  setInt32(draft.bytes, lengthAt, end - lengthAt - remove + insert.length)
  draft.starts.length = 0
  draft.starts.push(at)
  reframe(draft)
}

/** Finds the beginnings of frames again, as far as lengths are plausible. */
const reframe = (draft: Draft): void => {
  const { bytes } = draft
  const starts = [0]
  let at = 0
  while (at + 5 <= bytes.length && starts.length < 4 * window) {
    const lengthAt = bytes[at] === 0 ? at : at + 1
    const length =
      ((bytes[lengthAt] ?? 0) << 24) |
      ((bytes[lengthAt + 1] ?? 0) << 16) |
      ((bytes[lengthAt + 2] ?? 0) << 8) |
      (bytes[lengthAt + 3] ?? 0)
    if (length < 4 || lengthAt + length > bytes.length) break
    at = lengthAt + length
    starts.push(at)
  }
  if (starts.length === 1) starts.push(bytes.length)
  draft.starts = starts
}

const mutations: ReadonlyArray<Mutation> = [
  bitFlips,
  oneByte,
  lengthField,
  anyInt32,
  anyInt16,
  typeByte,
  truncate,
  garbage,
  frames,
  foreign,
  body,
  body,
  body
]

/** Bytes to be fed; `legal` if they are the session's own. */
export interface Input {
  readonly bytes: Uint8Array
  readonly legal: boolean
}

/** Some consecutive frames of `session`, mutated once to four times; now and then not at all. */
export const mutated = (session: Session, other: Session, random: Random, whole: boolean): Input => {
  const count = session.starts.length - 1
  // a session without prelude makes sense from its beginning only
  const first = whole || session.prelude.length === 0 ? 0 : random.below(count)
  const last = whole ? count : Math.min(count, first + 1 + random.below(window))
  const from = session.starts[first] ?? 0
  const draft: Draft = {
    bytes: session.bytes.slice(from, session.starts[last]),
    starts: session.starts.slice(first, last + 1).map((start) => start - from)
  }
  if (random.once(whole ? 4 : 30)) return { bytes: draft.bytes, legal: true }
  for (let n = 1 + random.below(random.once(4) ? 4 : 2); n > 0; n--) random.pick(mutations)(draft, random, other)
  return { bytes: draft.bytes, legal: false }
}

/** A text with characters inserted, removed, repeated or replaced by what Unicode and SCRAM have to offer. */
export const mutatedText = (text: string, random: Random): string => {
  let out = text
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(out.length + 1)
    const piece = random.pick([
      "",
      "=",
      ",",
      "\0",
      "r=",
      "i=99999999999999999999",
      "-1",
      out.slice(0, random.below(40)),
      String.fromCharCode(random.below(0x10000)),
      String.fromCodePoint(random.below(0x110000)),
      "x".repeat(random.below(2000))
    ])
    out = out.slice(0, at) + piece + out.slice(at + random.below(4))
  }
  return out
}
