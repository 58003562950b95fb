import { describe, expect, it } from "vitest"
import { builtinTypes } from "../src/TypeRegistry.ts"
import { ValueError, kindOf, notTaken } from "../src/ValueError.ts"

describe("ValueError", () => {
  it("says where, which type, which form, which rule and what to do", () => {
    const error = new ValueError({ type: "int8", form: "number", issue: "too large", remedy: "read it as bigint" })
    expect(error.message).toBe("int8 as number: too large (read it as bigint)")
    expect(error.at({ column: 'a"b', row: 18 }).message).toBe(
      'column "a\\"b" of row 18: int8 as number: too large (read it as bigint)'
    )
    expect(error.at({ parameter: 2 }).message).toBe("parameter $2: int8 as number: too large (read it as bigint)")
  })

  it("explains undefined as what it usually is", () => {
    expect(notTaken("int4", undefined).message).toContain("use null for NULL")
  })

  it("names kinds of values and never values", () => {
    expect([null, undefined, 1, "s", 1n, [], new Date(), new Uint8Array(), {}].map(kindOf)).toEqual(
      "null undefined number string bigint array Date Uint8Array object".split(" ")
    )
  })

  it("does not carry a refused parameter, whatever its type", () => {
    const secret = "hunter2\0hunter2"
    for (const oid of [
      16, 20, 23, 25, 114, 700, 701, 1082, 1114, 1184, 1186, 1700, 2950, 869, 1560, 600, 3614, 17, 1009
    ]) {
      const writer = builtinTypes.codecOf(oid).writer()
      for (const value of [secret, { secret }, Symbol(secret)]) {
        try {
          writer?.format(value)
        } catch (error) {
          expect(error).toBeInstanceOf(ValueError)
          expect(`${String(error)}${JSON.stringify(error)}`).not.toContain("hunter2")
        }
      }
    }
  })
})
