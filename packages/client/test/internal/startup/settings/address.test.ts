import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { isIP } from "node:net"
import { isAddress, isLoopback } from "../../../../src/internal/startup/settings/address.ts"

describe("addresses", () => {
  it("agrees with the platform on what is an address", () => {
    const pieces = fc.constantFrom(
      ":",
      "::",
      ".",
      "1",
      "0",
      "255",
      "256",
      "ffff",
      "10000",
      "g",
      "127.0.0.1",
      "%",
      "%eth0",
      "01"
    )
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(""))
    )
    fc.assert(
      fc.property(text, (text) => {
        assert.strictEqual(isAddress(text), isIP(text) !== 0, text)
      }),
      { numRuns: 5_000 }
    )
  })

  it("knows which stay on this machine", () => {
    for (const host of [
      "127.0.0.1",
      "127.255.255.254",
      "::1",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1",
      "::FFFF:7f00:1",
      "localhost",
      "LOCALHOST"
    ]) {
      assert.isTrue(isLoopback(host), host)
    }
    for (const host of [
      "128.0.0.1",
      "1.127.0.0",
      "0.0.0.0",
      "::",
      "::2",
      "1::1",
      "::ffff:128.0.0.1",
      "::127.0.0.1",
      "localhost.example.com",
      "notlocalhost",
      "/tmp",
      "",
      "127.1",
      "127.0.0.1.example.com"
    ]) {
      assert.isFalse(isLoopback(host), host)
    }
  })
})
