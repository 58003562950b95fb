import { describe, expect, it } from "vitest"
import { encodeBackend, encodeFrontend, EncodeError, protocol30, protocol32 } from "../../src/index.ts"
import { int32 } from "../session.ts"

const startUp = (parameters: ReadonlyArray<readonly [string, string]>, protocolVersion = protocol30) =>
  encodeFrontend({ _tag: "StartupMessage", protocolVersion, parameters })

describe("the bytes of packets without a type", () => {
  it("are those of the manual", () => {
    expect(encodeFrontend({ _tag: "SSLRequest" })).toEqual(Uint8Array.of(0, 0, 0, 8, ...int32(80877103)))
    expect(encodeFrontend({ _tag: "GSSENCRequest" })).toEqual(Uint8Array.of(0, 0, 0, 8, ...int32(80877104)))
    expect(encodeFrontend({ _tag: "CancelRequest", processId: 258, secretKey: Uint8Array.of(9, 8, 7, 6) })).toEqual(
      Uint8Array.of(0, 0, 0, 16, ...int32(80877102), 0, 0, 1, 2, 9, 8, 7, 6)
    )
    expect(startUp([["user", "ü"]], protocol32)).toEqual(
      Uint8Array.of(0, 0, 0, 17, 0, 3, 0, 2, 0x75, 0x73, 0x65, 0x72, 0, 0xc3, 0xbc, 0, 0)
    )
  })
})

describe("StartupMessage", () => {
  it("a NUL in a name or value cannot smuggle in another parameter (L-1)", () => {
    expect(() => startUp([["user", "x\0user\0admin"]])).toThrow(EncodeError)
    expect(() => startUp([["user\0", "x"]])).toThrow(EncodeError)
  })

  it("an empty name, which would end the list, is refused", () => {
    expect(() => startUp([["", "x"]])).toThrow("a name is empty")
  })

  it("has 10,004 bytes at most: above that the server closes without a word (H-26)", () => {
    const fixed = startUp([["user", ""]]).length
    expect(startUp([["user", "x".repeat(10_004 - fixed)]])).toHaveLength(10_004)
    expect(() => startUp([["user", "x".repeat(10_005 - fixed)]])).toThrow("10005 bytes, the limit is 10004")
  })

  it("only has versions 3.x", () => {
    for (const version of [0, 2 << 16, 4 << 16, 80877103]) expect(() => startUp([], version)).toThrow(EncodeError)
  })
})

describe("what cannot be said", () => {
  it("a cancel key of less than 4 or more than 256 bytes", () => {
    for (const length of [0, 3, 257]) {
      const secretKey = new Uint8Array(length)
      expect(() => encodeFrontend({ _tag: "CancelRequest", processId: 1, secretKey })).toThrow(EncodeError)
      expect(() => encodeBackend({ _tag: "BackendKeyData", processId: 1, secretKey })).toThrow(EncodeError)
    }
  })

  it("an empty list of mechanisms, or one with an empty name", () => {
    for (const mechanisms of [[], [""], ["SCRAM-SHA-256", ""]]) {
      expect(() => encodeBackend({ _tag: "AuthenticationSASL", mechanisms })).toThrow(EncodeError)
    }
  })

  it("a password with a NUL, or above the server's 65,535 bytes (A-28)", () => {
    expect(() => encodeFrontend({ _tag: "PasswordMessage", password: "a\0" })).toThrow(EncodeError)
    expect(encodeFrontend({ _tag: "PasswordMessage", password: "x".repeat(65_530) })).toHaveLength(65_536)
    expect(() => encodeFrontend({ _tag: "PasswordMessage", password: "x".repeat(65_531) })).toThrow("65536 bytes")
  })

  it("names nothing of the secret it refuses", () => {
    for (const message of ["hunter2\0", "hunter2\ud800"]) {
      try {
        encodeFrontend({ _tag: "PasswordMessage", password: message })
        expect.unreachable()
      } catch (error) {
        expect(JSON.stringify(error) + String(error)).not.toContain("hunter2")
      }
    }
  })
})
