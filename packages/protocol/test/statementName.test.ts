import { createHash } from "node:crypto"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { statementName } from "../src/index.ts"

describe("statementName", () => {
  it("is the beginning of the base64url of SHA-256", () => {
    fc.assert(
      fc.property(fc.fullUnicodeString(), fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 })), (sql, types) => {
        const digest = createHash("sha256")
          .update(`${types.join(",")}\u0000${sql}`)
          .digest("base64url")
        expect(statementName(sql, types)).toBe(`pgfx_${digest.slice(0, 22)}`)
      })
    )
  })
  it("tells declared types apart", () => {
    expect(statementName("SELECT $1", [23])).not.toBe(statementName("SELECT $1", [25]))
    expect(statementName("SELECT $1")).not.toBe(statementName("SELECT $1", [0]))
  })
})
