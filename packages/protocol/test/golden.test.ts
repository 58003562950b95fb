// Sessions of real servers 14 to 18, replayed: however the bytes are cut, the same messages come out, their transcript is the stored one, and
// they become the same bytes again (G4 of the faults and attacks; F-6).
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type BackendMessage,
  type Direction,
  encodeBackend,
  encodeFrontend,
  type FrontendMessage,
  joinChunks,
  makeBackendDecoder,
  makeFrontendDecoder,
  md5Password,
  pbkdf2Sha256,
  preparePassword,
  scramClient
} from "../src/index.ts"
import { backendMessages, frontendMessages } from "../src/MessageStream.ts"
import {
  bytesOf,
  type Golden,
  goldenTexts,
  parseGolden,
  preludeOf,
  renderGolden,
  transcriptOf
} from "./goldens/golden.ts"
import { bytewise, cutAt, cuts, decodeAll, flatten } from "./session.ts"

const goldens = goldenTexts().map(({ file, text }) => ({ file, text, ...parseGolden(text) }))

/** As vitest's toEqual, but at a speed that allows every byte. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (ArrayBuffer.isView(a) || Array.isArray(a)) {
    const [left, right] = [a as ArrayLike<unknown>, b as ArrayLike<unknown>]
    if (left.length !== right.length || Array.isArray(a) !== Array.isArray(b)) return false
    for (let i = 0; i < left.length; i++) if (!isSame(left[i], right[i])) return false
    return true
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const keys = Object.keys(left)
  return keys.length === Object.keys(right).length && keys.every((key) => isSame(left[key], right[key]))
}

/** `npm run test:long` leaves nothing out. */
const isLong = process.env.PGFX_PROFILE === "long"

/**
 * A run of a Stream costs 80 µs, and what it adds to `push` does not know PostgreSQL's version: of those before 18 the usual run tries every
 * fourth place, each version others, so that between them they are all tried.
 */
const stepOf = (how: "decode" | "transduce", major: number): readonly [first: number, step: number] =>
  isLong || how === "decode" || major === 18 ? [0, 1] : [major % 4, 4]

const directions: ReadonlyArray<Direction> = ["F", "B"]

interface Side {
  readonly bytes: Uint8Array
  readonly prelude: Uint8Array
  readonly decode: (pieces: ReadonlyArray<Uint8Array>) => ReadonlyArray<unknown>
  readonly transduce: (pieces: ReadonlyArray<Uint8Array>) => ReadonlyArray<unknown>
}

const collect = (messages: Stream.Stream<BackendMessage | FrontendMessage, Error>): ReadonlyArray<unknown> =>
  flatten(Chunk.toReadonlyArray(Effect.runSync(Stream.runCollect(messages))))

/** What one side said, and the two ways to read it. */
const sideOf = (golden: Golden, direction: Direction): Side => {
  const prelude = preludeOf(golden, direction)
  const stream = (pieces: ReadonlyArray<Uint8Array>) => Stream.fromIterable([prelude, ...pieces])
  return {
    bytes: bytesOf(golden, direction),
    prelude,
    decode: (pieces) =>
      direction === "F"
        ? decodeAll(makeFrontendDecoder(), [prelude, ...pieces])
        : decodeAll(makeBackendDecoder(), [prelude, ...pieces]),
    transduce: (pieces) =>
      direction === "F"
        ? collect(stream(pieces).pipe(frontendMessages()))
        : collect(stream(pieces).pipe(backendMessages()))
  }
}

/** Without those that a client of another major version said word for word. */
const sides = [
  ...new Map(
    goldens.flatMap(({ file, golden }) =>
      directions.map((direction) => {
        const side = sideOf(golden, direction)
        return [side.bytes.join(), { name: `${file} ${direction}`, major: golden.major, side }] as const
      })
    )
  ).values()
]

it("the corpus has every session of every major version", () => {
  const names = [
    "cancel",
    "cancel-request",
    "copy-in",
    "copy-out",
    "extended-query",
    "function-call",
    "notify",
    "pipeline-error",
    "replication",
    "simple-query",
    "start-up-3.2",
    "start-up-cleartext",
    "start-up-md5",
    "start-up-scram"
  ]
  const expected = [14, 15, 16, 17, 18].flatMap((major) => names.map((name) => `${major}/${name}.txt`))
  expect(goldens.map(({ file }) => file)).toEqual(expected.sort())
  expect(goldens.map(({ golden }) => `${golden.major}/${golden.name}.txt`)).toEqual(expected)
})

describe.each(["decode", "transduce"] as const)("the messages of a captured session are the same by %s", (how) => {
  const whichCuts = isLong || how === "decode" ? "at every byte" : "at every byte of 18, every fourth of 14 to 17"
  it(`split ${whichCuts}`, { timeout: 120_000 }, () => {
    for (const { major, name, side } of sides) {
      const { bytes } = side
      const whole = side.decode([bytes])
      const [first, step] = stepOf(how, major)
      for (let at = first; at <= bytes.length; at += step) {
        const messages = side[how]([bytes.subarray(0, at), bytes.subarray(at)])
        if (!isSame(messages, whole)) expect.fail(`${name}, split at byte ${at}`)
      }
    }
  })

  it("one byte at a time", () => {
    for (const { name, side } of sides) {
      expect(isSame(side[how](bytewise(side.bytes)), side.decode([side.bytes])), name).toBe(true)
    }
  })

  it("in random pieces", () => {
    fc.assert(
      fc.property(fc.constantFrom(...sides), cuts, ({ side }, cuts) =>
        isSame(side[how](cutAt(side.bytes, cuts)), side.decode([side.bytes]))
      ),
      { numRuns: 1000 }
    )
  })
})

describe("a captured session", () => {
  it.each(goldens)("has the transcript that is stored: $file", ({ golden, text, transcript }) => {
    expect(transcriptOf(golden)).toEqual(transcript)
    expect(renderGolden(golden)).toBe(text)
  })

  it.each(goldens)("becomes the same bytes when its messages are written again: $file", ({ golden }) => {
    const server = makeBackendDecoder()
    server.push(preludeOf(golden, "B"))
    const said = bytesOf(golden, "B")
    expect(joinChunks(server.push(said).map(encodeBackend))).toEqual(said)
    const client = makeFrontendDecoder()
    client.push(preludeOf(golden, "F"))
    const answered = bytesOf(golden, "F")
    expect(joinChunks(client.push(answered).map(encodeFrontend))).toEqual(answered)
  })

  it("becomes the same bytes also where a `p` frame is read as what it answers", () => {
    for (const { golden } of goldens) {
      if (golden.begins !== "startUp") continue
      const expected = golden.name === "start-up-md5" || golden.name === "start-up-cleartext" ? 1 : 2
      const client = makeFrontendDecoder()
      let answers = 0
      for (const { bytes, direction } of golden.frames) {
        if (direction === "B") continue
        if (bytes[0] === 0x70) {
          client.expectAuthentication(
            expected === 1 ? "PasswordMessage" : answers === 0 ? "SASLInitialResponse" : "SASLResponse"
          )
          answers++
        }
        const messages = client.push(bytes)
        expect(messages.map(({ _tag }) => _tag)).not.toContain("AuthenticationResponse")
        expect(joinChunks(messages.map(encodeFrontend))).toEqual(bytes)
      }
      expect(answers).toBe(golden.name === "cancel-request" ? 0 : expected)
    }
  })
})

/** The password of every role of scripts/capture-goldens.ts. */
const password = "golden"

describe("a captured start-up", () => {
  it.each(goldens.filter(({ golden }) => /^start-up-(scram|3\.2)$/.test(golden.name)))(
    "is SCRAM whose server proves that it knows the password: $file",
    async ({ golden }) => {
      const server = makeBackendDecoder()
      const messages = golden.frames
        .filter(({ direction }) => direction === "B")
        .flatMap(({ bytes }) => server.push(bytes))
      const proof = golden.frames.filter(({ bytes, direction }) => direction === "F" && bytes[0] === 0x70).at(-1)?.bytes
      const scram = scramClient({ nonce: "pgfx+golden+session+0001", channelBinding: { type: "none" } })
      scram.clientFirst()
      for (const message of messages) {
        if (message._tag === "AuthenticationSASLContinue") {
          const { iterations, salt } = scram.serverFirst(message.data)
          const answer = scram.clientFinal(await pbkdf2Sha256(preparePassword(password), salt, iterations))
          expect(encodeFrontend({ _tag: "SASLResponse", data: answer })).toEqual(proof)
        } else if (message._tag === "AuthenticationSASLFinal") scram.serverFinal(message.data)
      }
      expect(scram.verified).toBe(true)
    }
  )

  it.each(goldens.filter(({ golden }) => golden.name === "start-up-md5"))(
    "with MD5 has the digest that the server accepted: $file",
    ({ golden }) => {
      const [request] = makeBackendDecoder().push(bytesOf(golden, "B"))
      if (request?._tag !== "AuthenticationMD5Password") throw new Error("not MD5")
      const answer = encodeFrontend({
        _tag: "PasswordMessage",
        password: md5Password("golden_md5", password, request.salt)
      })
      expect(golden.frames.find(({ bytes }) => bytes[0] === 0x70)?.bytes).toEqual(answer)
    }
  )
})
