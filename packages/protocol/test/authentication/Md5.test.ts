// The answer to AuthenticationMD5Password, against Node's own MD5 and against what a real server stores.
import { createHash } from "node:crypto"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { md5Password } from "../../src/authentication/Md5.ts"

const hex = (...parts: ReadonlyArray<string | Uint8Array>): string => {
  const hash = createHash("md5")
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}

describe("md5Password", () => {
  it("salts what the server stores, user and password in UTF-8 (A-23)", () => {
    // PostgreSQL 18.4: SET password_encryption = 'md5'; CREATE ROLE m LOGIN PASSWORD 'pencil€'; SELECT rolpassword FROM pg_authid
    const stored = "md5d81b7ea315b3de692c058282e3d9713a"
    const salt = Uint8Array.of(0x2a, 0x3d, 0x8f, 0xe0)
    expect(md5Password("m", "pencil€", salt)).toBe(`md5${hex(stored.slice(3), salt)}`)
  })

  it("agrees with the formula for any user, password and salt, without SASLprep", () => {
    const anything = fc.string({ unit: "binary" })
    fc.assert(
      fc.property(anything, anything, fc.uint8Array({ minLength: 4, maxLength: 4 }), (user, password, salt) => {
        expect(md5Password(user, password, salt)).toBe(`md5${hex(hex(password, user), salt)}`)
      })
    )
    const salt = Uint8Array.of(1, 2, 3, 4)
    expect(md5Password("u", "I\u00adX", salt)).not.toBe(md5Password("u", "IX", salt))
  })

  it("refuses a salt that has not four bytes", () => {
    for (const length of [0, 3, 5]) expect(() => md5Password("u", "p", new Uint8Array(length))).toThrow(RangeError)
  })
})
