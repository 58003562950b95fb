import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type BackendMessage,
  encodeBackend,
  encodeFrontend,
  type FrontendMessage,
  makeFrontendDecoder,
  protocol30
} from "../../src/index.ts"
import {
  backendAuthenticating,
  backendReady,
  backendSession,
  backendStarting,
  frontendReady,
  frontendSession,
  passwordMessage,
  saslInitialResponse,
  saslResponse
} from "../arbitraries.ts"
import { backendIn, flatten, type Phase } from "../session.ts"

/** Every message's length field says how many bytes follow the type byte (CVE-2024-27304, CVE-2024-32655). */
const expectLengths = (bytes: Uint8Array, typed: boolean): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  while (at < bytes.length) at += (typed ? 1 : 0) + view.getInt32(at + (typed ? 1 : 0))
  expect(at).toBe(bytes.length)
}

const backendCases: ReadonlyArray<readonly [Phase, Readonly<Record<string, fc.Arbitrary<BackendMessage>>>]> = [
  ["authenticating", { ...backendAuthenticating, AuthenticationOk: fc.constant({ _tag: "AuthenticationOk" }) }],
  ["starting", backendStarting],
  ["ready", backendReady]
]

describe("a backend message decodes to what was encoded, and its length is exact", () => {
  for (const [phase, messages] of backendCases) {
    for (const [name, arbitrary] of Object.entries(messages)) {
      it(`${name}, ${phase}`, () => {
        fc.assert(
          fc.property(arbitrary, (message) => {
            const bytes = encodeBackend(message)
            expectLengths(bytes, true)
            const decoder = backendIn(phase)
            expect(flatten(decoder.push(bytes))).toEqual(flatten([message]))
            expect(decoder.heldBytes).toBe(0)
            decoder.finish()
          })
        )
      })
    }
  }
})

describe("a frontend message decodes to what was encoded, and its length is exact", () => {
  const start = encodeFrontend({ _tag: "StartupMessage", protocolVersion: protocol30, parameters: [] })

  for (const [name, arbitrary] of Object.entries(frontendReady)) {
    it(name, () => {
      fc.assert(
        fc.property(arbitrary, (message) => {
          const bytes = encodeFrontend(message)
          expectLengths(bytes, true)
          const decoder = makeFrontendDecoder()
          decoder.push(start)
          expect(flatten(decoder.push(bytes))).toEqual(flatten([message]))
          decoder.finish()
        })
      )
    })
  }

  const answers = {
    PasswordMessage: passwordMessage,
    SASLInitialResponse: saslInitialResponse,
    SASLResponse: saslResponse
  }
  for (const [name, arbitrary] of Object.entries(answers)) {
    it(`${name}, as what the decoder was told to expect`, () => {
      fc.assert(
        fc.property(arbitrary, (message) => {
          const bytes = encodeFrontend(message)
          expectLengths(bytes, true)
          const decoder = makeFrontendDecoder()
          decoder.push(start)
          decoder.expectAuthentication(name as keyof typeof answers)
          expect(decoder.push(bytes)).toEqual([message])
          // told once, for one answer
          expect(decoder.push(bytes)).toEqual([{ _tag: "AuthenticationResponse", data: bytes.subarray(5) }])
        })
      )
    })
  }

  it("Terminate, after which nothing may come", () => {
    const decoder = makeFrontendDecoder()
    decoder.push(start)
    const bytes = encodeFrontend({ _tag: "Terminate" })
    expectLengths(bytes, true)
    expect(decoder.push(bytes)).toEqual([{ _tag: "Terminate" }])
    expect(() => decoder.push(Uint8Array.of(0))).toThrow("nothing more after Terminate")
  })

  it("start-up packets, which have no type byte", () => {
    fc.assert(
      fc.property(
        frontendSession.map((session): FrontendMessage => session.find(isStartUp)!),
        (message) => {
          const bytes = encodeFrontend(message)
          expectLengths(bytes, false)
          const decoder = makeFrontendDecoder()
          expect(decoder.push(bytes)).toEqual([message])
        }
      )
    )
  })
})

const startUpTags = new Set(["SSLRequest", "GSSENCRequest", "CancelRequest", "StartupMessage"])
const isStartUp = (message: FrontendMessage): boolean => startUpTags.has(message._tag)

describe("a whole session decodes to the messages that were encoded", () => {
  it("of a server", () => {
    fc.assert(
      fc.property(backendSession, (session) => {
        const decoder = backendIn("authenticating")
        const decoded = session.flatMap((message) => decoder.push(encodeBackend(message)))
        expect(flatten(decoded)).toEqual(flatten(session))
        decoder.finish()
      })
    )
  })

  it("of a client", () => {
    fc.assert(
      fc.property(frontendSession, (session) => {
        const decoder = makeFrontendDecoder()
        const decoded = session.flatMap((message) => decoder.push(encodeFrontend(message)))
        expect(flatten(decoded)).toEqual(flatten(session))
        decoder.finish()
      })
    )
  })
})
