// The hash of a certificate for each family of signatures, against Node's digests, and a reader of DER that no bytes can hurt.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { tlsServerEndPoint, tlsServerEndPointHashName } from "../../src/authentication/channelBinding.ts"
import { type CertificateFixture, certificates } from "./certificates.ts"

const answer = (der: Uint8Array): string => {
  const result = tlsServerEndPoint(der)
  return result instanceof Uint8Array ? Buffer.from(result).toString("hex") : `unbindable: ${result.unbindable}`
}

const expected = (fixture: CertificateFixture, der: Uint8Array): string =>
  typeof fixture.hash === "string"
    ? createHash(fixture.hash.replace("-", "").toLowerCase()).update(der).digest("hex")
    : `unbindable: ${fixture.hash.unbindable}`

/** One DER element. */
const element = (tag: number, ...content: ReadonlyArray<Uint8Array>): Uint8Array => {
  const body = Buffer.concat(content)
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 255]
  return Buffer.concat([Uint8Array.of(tag, ...length), body])
}
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"))
const empty = new Uint8Array(0)

/** The outline of a certificate: an empty TBSCertificate, this signatureAlgorithm, an empty signature. */
const certificateWith = (...algorithm: ReadonlyArray<Uint8Array>): Uint8Array =>
  element(0x30, element(0x30), element(0x30, ...algorithm), element(0x03, Uint8Array.of(0)))
const oid = (hex: string): Uint8Array => element(0x06, bytes(hex))

describe("tls-server-end-point of a certificate signed with", () => {
  for (const fixture of certificates) {
    it(`${fixture.name} (A-19)`, () => {
      const der = new Uint8Array(Buffer.from(fixture.der, "base64"))
      expect(answer(der)).toBe(expected(fixture, der))
      expect(tlsServerEndPointHashName(der)).toBe(typeof fixture.hash === "string" ? fixture.hash : undefined)
    })
  }

  const version = spawnSync("openssl", ["version"], { encoding: "utf8" })
  const openssl = version.status === 0 && version.stdout.startsWith("OpenSSL 3")
  for (const fixture of certificates) {
    // Keys of 2,048 bits take a second to find; the fixture covers them.
    if (fixture.arguments.includes("rsa:2048")) continue
    it(`${fixture.name}, as this machine's openssl makes it`, (context) => {
      if (!openssl) return context.skip("no OpenSSL 3 on this machine")
      const options = ["req", "-x509", "-noenc", "-keyout", "/dev/null", "-subj", "/CN=a", "-outform", "DER"]
      const made = spawnSync("openssl", [...options, ...fixture.arguments.split(" ")])
      if (made.status !== 0) return context.skip(`this OpenSSL refuses to sign with ${fixture.name}`)
      const der = new Uint8Array(made.stdout)
      expect(answer(der)).toBe(expected(fixture, der))
    })
  }
})

describe("what no openssl here makes", () => {
  const cases: ReadonlyArray<readonly [string, Uint8Array, string | undefined, string?]> = [
    ["ML-DSA-65", certificateWith(oid("608648016503040312")), undefined, "ML-DSA-65"],
    ["sha1WithRSA under its OIW number", certificateWith(oid("2b0e03021d"), bytes("0500")), "SHA-256"],
    ["DSA with SHA-1", certificateWith(oid("2a8648ce380403")), "SHA-256"],
    ["DSA with SHA-384", certificateWith(oid("608648016503040303")), "SHA-384"],
    ["an algorithm nobody knows", certificateWith(oid("2b060104018237")), undefined, "algorithm 1.3.6.1.4.1.311"],
    [
      "RSA-PSS without parameters",
      certificateWith(oid("2a864886f70d01010a")),
      undefined,
      "RSASSA-PSS without parameters"
    ],
    [
      "RSA-PSS with parameters that are no sequence",
      certificateWith(oid("2a864886f70d01010a"), bytes("0500")),
      undefined,
      "RSASSA-PSS without parameters"
    ],
    [
      "RSA-PSS with a salt length only: SHA-1 by default",
      certificateWith(oid("2a864886f70d01010a"), element(0x30, element(0xa2, bytes("020114")))),
      "SHA-256"
    ],
    [
      "RSA-PSS with a hash that is no algorithm",
      certificateWith(oid("2a864886f70d01010a"), element(0x30, element(0xa0, bytes("0500")))),
      undefined,
      "RSASSA-PSS with malformed parameters"
    ],
    [
      "RSA-PSS with cut parameters",
      certificateWith(oid("2a864886f70d01010a"), element(0x30, bytes("a005"))),
      undefined,
      "RSASSA-PSS with malformed parameters"
    ]
  ]
  for (const [name, der, hash, reason] of cases) {
    it(`${name}: ${hash ?? "unbindable"}`, () => {
      expect(tlsServerEndPointHashName(der)).toBe(hash)
      if (reason !== undefined) expect(answer(der)).toBe(`unbindable: ${reason}`)
    })
  }

  const notCertificates: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["nothing", empty],
    ["one byte", bytes("30")],
    ["an indefinite length", bytes("3080300030000000")],
    ["a length beyond the end", bytes("3082ffff3000")],
    ["a length of 2^32 − 1", bytes("3084ffffffff3000")],
    ["a length in five bytes", bytes("30850000000002")],
    ["a length whose bytes are missing", bytes("3082")],
    ["an empty sequence", bytes("3000")],
    ["no signatureAlgorithm", element(0x30, element(0x30))],
    ["a TBSCertificate that is no sequence", element(0x30, bytes("0500"), element(0x30, oid("2b6570")))],
    ["an algorithm that is no sequence", element(0x30, element(0x30), bytes("0500"))],
    ["an empty algorithm", certificateWith()],
    ["an empty OID", certificateWith(bytes("0600"))],
    ["an OID that ends in the middle of an arc", certificateWith(oid("2b81"))],
    ["an OID of 33 bytes", certificateWith(oid("2b".repeat(33)))],
    ["an arc above 2^32", certificateWith(oid("2bffffffffffff7f"))],
    ["an algorithm longer than what holds it", element(0x30, element(0x30), bytes("30100605"))],
    ["bytes behind the certificate", Buffer.concat([certificateWith(oid("2a8648ce3d040302")), bytes("00")])]
  ]
  for (const [name, der] of notCertificates) {
    it(`${name} is no certificate`, () => expect(answer(der)).toBe("unbindable: no X.509 certificate in DER"))
  }
})

describe("whatever bytes a peer calls its certificate", () => {
  it("the answer is a hash of the right length or a short reason, and the same at every prefix's end", () => {
    const check = (der: Uint8Array) => {
      const result = tlsServerEndPoint(der)
      if (result instanceof Uint8Array) expect([28, 32, 48, 64]).toContain(result.length)
      else expect(result.unbindable).toMatch(/^[\x20-\x7e]{5,200}$/)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), check), { numRuns: 1000 })
    const real = certificates.map((fixture) => new Uint8Array(Buffer.from(fixture.der, "base64")))
    fc.assert(
      fc.property(
        fc.constantFrom(...real),
        fc.array(fc.tuple(fc.nat({ max: 600 }), fc.nat({ max: 255 })), { maxLength: 4 }),
        (der, changes) => {
          const changed = der.slice()
          for (const [at, byte] of changes) if (at < changed.length) changed[at] = byte
          check(changed)
        }
      ),
      { numRuns: 2000 }
    )
    for (const der of real.slice(0, 3)) {
      for (let end = 0; end < der.length; end++) {
        expect(answer(der.subarray(0, end))).toBe("unbindable: no X.509 certificate in DER")
      }
    }
  })
})
