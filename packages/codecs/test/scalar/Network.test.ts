import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cidr, inet, macaddr, macaddr8 } from "../../src/scalar/Network.ts"
import { formatOf, issueOf, readBinary, refusal, roundTrip, sameInBoth, writeText } from "../wire.ts"

const v4 = fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 32 }))
const v6 = fc.tuple(
  fc.array(fc.constantFrom(0, 0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }),
  fc.integer({ min: 0, max: 128 })
)

describe("inet", () => {
  it("has the server's text for every address", () => {
    const cases = [
      ["1.2.3.4", [2, 32, 0, 4, 1, 2, 3, 4]],
      ["1.2.3.4/24", [2, 24, 0, 4, 1, 2, 3, 4]],
      ["0.0.0.0/0", [2, 0, 0, 4, 0, 0, 0, 0]],
      ["::", [3, 128, 0, 16, ...Array<number>(16).fill(0)]],
      ["::1", [3, 128, 0, 16, ...Array<number>(15).fill(0), 1]],
      ["::ffff:1.2.3.4", [3, 128, 0, 16, ...Array<number>(10).fill(0), 255, 255, 1, 2, 3, 4]],
      ["::1.2.3.4", [3, 128, 0, 16, ...Array<number>(12).fill(0), 1, 2, 3, 4]],
      ["1:0:0:2::3", [3, 128, 0, 16, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3]],
      ["0:1:0:1:0:1:0:1/64", [3, 64, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]]
    ] as const
    for (const [text, bytes] of cases) {
      sameInBoth(inet, text, bytes, text)
      roundTrip(inet, text)
    }
  })

  it("keeps every address and mask", () => {
    fc.assert(fc.property(v4, ([bytes, bits]) => roundTrip(inet, readBinary(inet, [2, bits, 0, 4, ...bytes]))))
    fc.assert(fc.property(v6, ([bytes, bits]) => roundTrip(inet, readBinary(inet, [3, bits, 0, 16, ...bytes]))))
  })

  it("leaves notations it does not write to the server", () => {
    for (const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "1.2.3.4/33",
      "::1::",
      ":::",
      "1:2:3:4:5:6:7:8:9",
      "::g",
      "1.2.3.4/",
      "::1/129",
      "10"
    ]) {
      expect(formatOf(inet, text), text).toBe(0)
      expect(writeText(inet, text)).toBe(text)
    }
    expect(refusal(inet, 1)).toContain("takes no number")
  })

  it("is total over its header", () => {
    for (const bytes of [
      [],
      [2, 32, 0],
      [2, 32, 0, 4, 1, 2, 3],
      [2, 33, 0, 4, 1, 2, 3, 4],
      [4, 32, 0, 4, 1, 2, 3, 4],
      [2, 32, 0, 16, 1, 2, 3, 4],
      [3, 128, 0, 4, 1, 2, 3, 4]
    ]) {
      expect(
        issueOf(() => readBinary(inet, bytes)),
        String(bytes)
      ).toContain("address")
    }
  })
})

describe("cidr", () => {
  it("always has its mask", () => {
    sameInBoth(cidr, "1.2.3.4/32", [2, 32, 1, 4, 1, 2, 3, 4], "1.2.3.4/32")
    for (const text of ["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"]) roundTrip(cidr, text)
  })

  it("leaves bits beyond the mask, and no mask, to the server", () => {
    expect(formatOf(cidr, "10.0.0.1/8")).toBe(0)
    expect(formatOf(cidr, "10")).toBe(0)
    expect(formatOf(cidr, "10.0.0.0")).toBe(0)
  })
})

describe.each([
  { codec: macaddr, text: "08:00:2b:01:02:03", bytes: [8, 0, 0x2b, 1, 2, 3] },
  { codec: macaddr8, text: "08:00:2b:ff:fe:01:02:03", bytes: [8, 0, 0x2b, 0xff, 0xfe, 1, 2, 3] }
])("$codec.name", ({ codec, text, bytes }) => {
  it("is lower case with colons", () => {
    sameInBoth(codec, text, bytes, text)
    roundTrip(codec, text)
    expect(formatOf(codec, "08002b:010203")).toBe(0)
    expect(issueOf(() => readBinary(codec, [1, 2, 3]))).toContain(`${bytes.length} bytes`)
    expect(refusal(codec, 1)).toContain("takes no number")
  })
})
