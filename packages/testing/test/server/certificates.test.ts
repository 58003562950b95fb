import { createPrivateKey, X509Certificate } from "node:crypto"
import { describe, expect, it } from "vitest"
import { makeAuthority, selfSigned } from "../../src/server/certificates.ts"
import type { KeyKind, SignatureHash } from "../../src/server/certificates.ts"

const day = 24 * 60 * 60 * 1000

describe("an authority", () => {
  const families: ReadonlyArray<readonly [KeyKind, SignatureHash, boolean]> = [
    ["rsa", "md5", false],
    ["rsa", "sha1", false],
    ["rsa", "sha224", false],
    ["rsa", "sha256", false],
    ["rsa", "sha384", false],
    ["rsa", "sha512", false],
    ["rsa", "sha256", true],
    ["rsa", "sha512", true],
    ["rsa-pss", "sha384", false],
    ["ec-p256", "sha1", false],
    ["ec-p256", "sha256", false],
    ["ec-p384", "sha384", false],
    ["ec-p521", "sha512", false],
    ["ed25519", "sha256", false],
    ["ed448", "sha256", false]
  ]
  it.each(families)("with a key of %s and hash %s (PSS: %s) signs what its key verifies", (key, hash, pss) => {
    const authority = makeAuthority({ key, hash, pss, commonName: "Root" })
    const issued = authority.issue({ commonName: "alice", key: "ec-p256" })
    const root = new X509Certificate(authority.certificate)
    const leaf = new X509Certificate(issued.certificate)
    expect(root.verify(root.publicKey)).toBe(true)
    expect(leaf.verify(root.publicKey)).toBe(true)
    expect(leaf.checkIssued(root)).toBe(true)
    expect([root.ca, leaf.ca]).toEqual([true, false])
    expect([root.subject, leaf.subject, leaf.issuer]).toEqual(["CN=Root", "CN=alice", "CN=Root"])
  })

  it.each(["rsa", "rsa-pss", "ec-p256", "ec-p384", "ec-p521", "ed25519", "ed448"] as const)(
    "issues a certificate whose key of %s belongs to it, in clear and encrypted",
    (key) => {
      const issued = makeAuthority().issue({ key })
      const certificate = new X509Certificate(issued.certificate)
      expect(certificate.checkPrivateKey(createPrivateKey(issued.key))).toBe(true)
      const encrypted = issued.encryptedKey("open sesame")
      expect(encrypted).toContain("ENCRYPTED")
      expect(() => createPrivateKey({ key: encrypted, passphrase: "wrong" })).toThrow()
      expect(certificate.checkPrivateKey(createPrivateKey({ key: encrypted, passphrase: "open sesame" }))).toBe(true)
    }
  )

  it("writes names and addresses as what they are", () => {
    const { certificate } = makeAuthority().issue({
      names: ["db.example", "*.cluster.example", "127.0.0.1", "2001:db8::1"]
    })
    const parsed = new X509Certificate(certificate)
    expect(parsed.subjectAltName).toBe(
      "DNS:db.example, DNS:*.cluster.example, IP Address:127.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1"
    )
    expect(parsed.checkHost("a.cluster.example")).toBe("*.cluster.example")
    expect(parsed.checkHost("other.example")).toBe(undefined)
    expect(parsed.checkIP("2001:db8::1")).toBe("2001:db8::1")
  })

  it.each([
    ["1949-12-31T23:59:59Z", "1950-01-01T00:00:00Z"],
    ["2020-02-29T12:34:56Z", "2049-12-31T23:59:59Z"],
    ["2050-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
  ])("keeps the dates it is given, from %s to %s", (from, to) => {
    const { certificate } = makeAuthority().issue({ validFrom: new Date(from), validTo: new Date(to) })
    const parsed = new X509Certificate(certificate)
    expect(new Date(parsed.validFrom)).toEqual(new Date(from))
    expect(new Date(parsed.validTo)).toEqual(new Date(to))
  })

  it("is valid from an hour ago until tomorrow unless told otherwise", () => {
    const { validFrom, validTo } = new X509Certificate(makeAuthority().issue().certificate)
    expect(Date.now() - new Date(validFrom).getTime()).toBeGreaterThan(day / 25)
    expect(new Date(validTo).getTime() - Date.now()).toBeGreaterThan(day * 0.99)
  })

  it("hands out the chain from the leaf to below the root", () => {
    const root = makeAuthority()
    const middle = root.intermediate({ commonName: "Middle" })
    const leaf = middle.intermediate({ commonName: "Lower" }).issue({ commonName: "leaf" })
    const chain = leaf.chain.split(/(?<=-----END CERTIFICATE-----\n)/).map((text) => new X509Certificate(text))
    expect(chain.map((one) => one.subject)).toEqual(["CN=leaf", "CN=Lower", "CN=Middle"])
    expect(chain[0]?.serialNumber).toBe(leaf.serialNumber)
    chain.push(new X509Certificate(root.certificate))
    for (const [index, one] of chain.slice(0, -1).entries()) {
      const above = chain[index + 1]
      expect(above !== undefined && one.checkIssued(above) && one.verify(above.publicKey)).toBe(true)
    }
  })
})

describe("a self-signed certificate", () => {
  it("is its own issuer and no authority", () => {
    const parsed = new X509Certificate(selfSigned({ names: ["db.example"] }).certificate)
    expect(parsed.issuer).toBe(parsed.subject)
    expect(parsed.verify(parsed.publicKey)).toBe(true)
    expect(parsed.ca).toBe(false)
  })
})
