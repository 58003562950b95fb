// The structures of RFC 5280 as DER: certificates and revocation lists, signed. What goes into them is the caller's
// choice, nonsense included: tests want certificates that no honest authority would issue.
import { createHash } from "node:crypto"
import type { KeyObject } from "node:crypto"
import { isIP } from "node:net"
import * as Der from "./der.ts"

/** What is signed together with its AlgorithmIdentifier and the signature. */
export const signed = (
  body: Buffer,
  signature: { readonly algorithm: Buffer; readonly sign: (bytes: Uint8Array) => Buffer }
): Buffer => Der.sequence(body, signature.algorithm, Der.bitString(signature.sign(body)))

/** DER as PEM text, with a final line feed. */
export const pem = (label: string, der: Buffer): string => {
  const lines = der.toString("base64").replace(/.{64}(?!$)/g, "$&\n")
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

/** A distinguished name with one common name; with none, the empty name. */
export const distinguishedName = (commonName: string | undefined): Buffer => {
  if (commonName === undefined) return Der.sequence()
  const attribute = Der.sequence(Der.objectIdentifier("2.5.4.3"), Der.utf8String(commonName))
  return Der.sequence(Der.set(attribute))
}

const publicKeyInfo = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" })

/** Method 1 of RFC 5280 4.2.1.2, over the whole SubjectPublicKeyInfo: any stable number of the key will do. */
export const keyIdentifier = (key: KeyObject): Buffer => createHash("sha1").update(publicKeyInfo(key)).digest()

const extension = (name: string, critical: boolean, value: Buffer): Buffer =>
  Der.sequence(Der.objectIdentifier(name), ...(critical ? [Der.boolean(true)] : []), Der.octetString(value))

const ipv6Octets = (address: string): Buffer => {
  // An IPv4 tail (::ffff:1.2.3.4) is left to nobody: tests have no use for it.
  const [head = "", tail] = address.split("::")
  const words = (text: string) => text.split(":").filter((word) => word !== "")
  const left = words(head)
  const right = tail === undefined ? [] : words(tail)
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0")
  return Buffer.from([...left, ...zeros, ...right].map((word) => word.padStart(4, "0")).join(""), "hex")
}

/** An address becomes an iPAddress, everything else a dNSName, as it is (wildcards and zero bytes included). */
const generalName = (name: string): Buffer => {
  if (isIP(name) === 4) return Der.contextPrimitive(7, Buffer.from(name.split(".").map(Number)))
  if (isIP(name) === 6) return Der.contextPrimitive(7, ipv6Octets(name))
  return Der.contextPrimitive(2, Buffer.from(name, "utf8"))
}

export type Usage = "authority" | "server" | "client"

const extendedUsage = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const

const usageExtensions = (usage: Usage): ReadonlyArray<Buffer> => {
  if (usage === "authority") {
    return [
      extension("2.5.29.19", true, Der.sequence(Der.boolean(true))),
      // keyCertSign and cRLSign, bits 5 and 6
      extension("2.5.29.15", true, Der.bitString(Buffer.from([0b0000_0110]), 1))
    ]
  }
  return [
    extension("2.5.29.19", true, Der.sequence()),
    // digitalSignature and keyEncipherment, bits 0 and 2
    extension("2.5.29.15", true, Der.bitString(Buffer.from([0b1010_0000]), 5)),
    extension("2.5.29.37", false, Der.sequence(Der.objectIdentifier(extendedUsage[usage])))
  ]
}

export interface CertificateBody {
  readonly serialNumber: Uint8Array
  readonly algorithm: Buffer
  readonly issuer: Buffer
  readonly issuerKey: KeyObject
  readonly subject: Buffer
  readonly subjectKey: KeyObject
  readonly validFrom: Date
  readonly validTo: Date
  readonly names: ReadonlyArray<string>
  readonly usage: Usage
}

/** TBSCertificate, version 3. */
export const certificateBody = (body: CertificateBody): Buffer => {
  const extensions = [
    ...usageExtensions(body.usage),
    extension("2.5.29.14", false, Der.octetString(keyIdentifier(body.subjectKey))),
    extension("2.5.29.35", false, Der.sequence(Der.contextPrimitive(0, keyIdentifier(body.issuerKey))))
  ]
  if (body.names.length > 0)
    extensions.push(extension("2.5.29.17", false, Der.sequence(...body.names.map(generalName))))
  return Der.sequence(
    Der.context(0, Der.integer(2)),
    Der.integer(body.serialNumber),
    body.algorithm,
    body.issuer,
    Der.sequence(Der.time(body.validFrom), Der.time(body.validTo)),
    body.subject,
    publicKeyInfo(body.subjectKey),
    Der.context(3, Der.sequence(...extensions))
  )
}

export interface RevocationBody {
  readonly algorithm: Buffer
  readonly issuer: Buffer
  readonly issuerKey: KeyObject
  readonly serialNumbers: ReadonlyArray<Uint8Array>
  readonly validFrom: Date
  readonly validTo: Date
}

/** TBSCertList, version 2. */
export const revocationBody = (body: RevocationBody): Buffer => {
  const entries = body.serialNumbers.map((serial) => Der.sequence(Der.integer(serial), Der.time(body.validFrom)))
  const authority = extension("2.5.29.35", false, Der.sequence(Der.contextPrimitive(0, keyIdentifier(body.issuerKey))))
  const number = extension("2.5.29.20", false, Der.integer(1))
  return Der.sequence(
    Der.integer(1),
    body.algorithm,
    body.issuer,
    Der.time(body.validFrom),
    Der.time(body.validTo),
    // An empty list of entries must be absent (RFC 5280 5.1.2.6).
    ...(entries.length > 0 ? [Der.sequence(...entries)] : []),
    Der.context(0, Der.sequence(authority, number))
  )
}
