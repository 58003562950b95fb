// tls-server-end-point (RFC 5929 §4): the hash of the server's certificate, with the hash function of its signature. The certificate
// is bytes from the peer: the walk over its DER is total, follows no length beyond its end, and reads nothing but the outer
// signatureAlgorithm (RFC 5280 §4.1.1.2). Nothing about the certificate's validity is decided here.
// The hash handed out is fresh; the certificate is not kept.
import { sha224, sha256, sha384, sha512 } from "@noble/hashes/sha2"

export type EndPointHashName = "SHA-224" | "SHA-256" | "SHA-384" | "SHA-512"

/** A certificate for which the binding is undefined: its signature has no hash of its own (Ed25519), or it could not be read. */
export interface Unbindable {
  /** the signature algorithm's name, its OID in dots where the name is not known, or what is wrong with the certificate */
  readonly unbindable: string
}

/** RFC 5929: MD5 and SHA-1 are replaced by SHA-256, any other single hash function is used as it is. */
const hashOfSignature: ReadonlyMap<string, EndPointHashName> = new Map([
  ["1.2.840.113549.1.1.4", "SHA-256"], // md5WithRSAEncryption
  ["1.2.840.113549.1.1.5", "SHA-256"], // sha1WithRSAEncryption
  ["1.3.14.3.2.29", "SHA-256"], // sha1WithRSA, the OIW's number for it
  ["1.2.840.113549.1.1.14", "SHA-224"], // sha224WithRSAEncryption
  ["1.2.840.113549.1.1.11", "SHA-256"], // sha256WithRSAEncryption
  ["1.2.840.113549.1.1.12", "SHA-384"], // sha384WithRSAEncryption
  ["1.2.840.113549.1.1.13", "SHA-512"], // sha512WithRSAEncryption
  ["1.2.840.10045.4.1", "SHA-256"], // ecdsa-with-SHA1
  ["1.2.840.10045.4.3.1", "SHA-224"], // ecdsa-with-SHA224
  ["1.2.840.10045.4.3.2", "SHA-256"], // ecdsa-with-SHA256
  ["1.2.840.10045.4.3.3", "SHA-384"], // ecdsa-with-SHA384
  ["1.2.840.10045.4.3.4", "SHA-512"], // ecdsa-with-SHA512
  ["1.2.840.10040.4.3", "SHA-256"], // dsa-with-SHA1
  ["2.16.840.1.101.3.4.3.1", "SHA-224"], // dsa-with-SHA224
  ["2.16.840.1.101.3.4.3.2", "SHA-256"], // dsa-with-SHA256
  ["2.16.840.1.101.3.4.3.3", "SHA-384"], // dsa-with-SHA384
  ["2.16.840.1.101.3.4.3.4", "SHA-512"] // dsa-with-SHA512
])

const rsaPss = "1.2.840.113549.1.1.10"

/** The hash functions RSASSA-PSS parameters may name (RFC 4055 §2.1). */
const hashOfParameters: ReadonlyMap<string, EndPointHashName> = new Map([
  ["1.2.840.113549.2.5", "SHA-256"], // md5
  ["1.3.14.3.2.26", "SHA-256"], // sha1
  ["2.16.840.1.101.3.4.2.4", "SHA-224"],
  ["2.16.840.1.101.3.4.2.1", "SHA-256"],
  ["2.16.840.1.101.3.4.2.2", "SHA-384"],
  ["2.16.840.1.101.3.4.2.3", "SHA-512"]
])

/** Names for messages: signatures without a hash function of their own, and hash functions that are not carried here. */
const unbindableNames: ReadonlyMap<string, string> = new Map([
  ["1.3.101.112", "Ed25519"],
  ["1.3.101.113", "Ed448"],
  ["2.16.840.1.101.3.4.3.17", "ML-DSA-44"],
  ["2.16.840.1.101.3.4.3.18", "ML-DSA-65"],
  ["2.16.840.1.101.3.4.3.19", "ML-DSA-87"],
  ["2.16.840.1.101.3.4.3.10", "ecdsa-with-SHA3-256"],
  ["2.16.840.1.101.3.4.3.11", "ecdsa-with-SHA3-384"],
  ["2.16.840.1.101.3.4.3.12", "ecdsa-with-SHA3-512"],
  ["2.16.840.1.101.3.4.3.14", "sha3-256WithRSAEncryption"],
  ["2.16.840.1.101.3.4.3.15", "sha3-384WithRSAEncryption"],
  ["2.16.840.1.101.3.4.3.16", "sha3-512WithRSAEncryption"]
])

/** One DER element: its content lies in `[start, end)`. */
interface Element {
  readonly tag: number
  readonly start: number
  readonly end: number
}

/** The element that begins at `offset` and ends no later than `limit`. Indefinite and over-long lengths are not DER. */
const elementAt = (bytes: Uint8Array, offset: number, limit: number): Element | undefined => {
  const tag = bytes[offset]
  const first = bytes[offset + 1]
  if (tag === undefined || first === undefined || offset + 2 > limit) return undefined
  let start = offset + 2
  let length = first
  if (first >= 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > 4 || start + count > limit) return undefined
    length = 0
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0)
    start += count
  }
  return length <= limit - start ? { tag, start, end: start + length } : undefined
}

const tagSequence = 0x30
const tagOid = 0x06
const tagExplicit0 = 0xa0

/** `1.2.840.113549.1.1.11`. `undefined` for what is no OID, or longer than any algorithm's. */
const oidText = (bytes: Uint8Array, element: Element): string | undefined => {
  if (element.tag !== tagOid || element.end === element.start || element.end - element.start > 32) return undefined
  const arcs: Array<number> = []
  let arc = 0
  for (let i = element.start; i < element.end; i++) {
    const byte = bytes[i] ?? 0
    arc = arc * 128 + (byte & 0x7f)
    if (arc > 0xffffffff) return undefined
    if (byte < 0x80) {
      arcs.push(arc)
      arc = 0
    } else if (i === element.end - 1) return undefined
  }
  const [head = 0, ...rest] = arcs
  const top = Math.min(2, Math.floor(head / 40))
  return [top, head - top * 40, ...rest].join(".")
}

/** AlgorithmIdentifier: the OID, and where its parameters are. */
const algorithmAt = (
  bytes: Uint8Array,
  offset: number,
  limit: number
): { readonly oid: string; readonly parameters: Element | undefined } | undefined => {
  const sequence = elementAt(bytes, offset, limit)
  if (sequence?.tag !== tagSequence) return undefined
  const oidElement = elementAt(bytes, sequence.start, sequence.end)
  const oid = oidElement && oidText(bytes, oidElement)
  if (oidElement === undefined || oid === undefined) return undefined
  return {
    oid,
    parameters: oidElement.end < sequence.end ? elementAt(bytes, oidElement.end, sequence.end) : undefined
  }
}

/**
 * RSASSA-PSS-params.hashAlgorithm, SHA-1 if absent. The mask's hash is not looked at, nor does OpenSSL (rsa_ameth.c,
 * rsa_sig_info_set), with which the server computes its side.
 */
const hashOfPss = (bytes: Uint8Array, parameters: Element | undefined): string => {
  if (parameters?.tag !== tagSequence) return "RSASSA-PSS without parameters"
  if (parameters.start === parameters.end) return "SHA-256"
  const first = elementAt(bytes, parameters.start, parameters.end)
  if (first === undefined) return "RSASSA-PSS with malformed parameters"
  if (first.tag !== tagExplicit0) return "SHA-256"
  const hash = algorithmAt(bytes, first.start, first.end)
  if (hash === undefined) return "RSASSA-PSS with malformed parameters"
  return hashOfParameters.get(hash.oid) ?? `RSASSA-PSS with hash function ${hash.oid}`
}

const hashes: Readonly<Record<EndPointHashName, (message: Uint8Array) => Uint8Array>> = {
  "SHA-224": sha224,
  "SHA-256": sha256,
  "SHA-384": sha384,
  "SHA-512": sha512
}

const isHashName = (name: string): name is EndPointHashName => Object.hasOwn(hashes, name)

/** A hash name, or why there is none. */
const endPointHash = (certificate: Uint8Array): string => {
  const outer = elementAt(certificate, 0, certificate.length)
  // The server hashes the certificate and nothing behind it.
  if (outer?.tag !== tagSequence || outer.end !== certificate.length) return "no X.509 certificate in DER"
  const tbs = elementAt(certificate, outer.start, outer.end)
  const algorithm = tbs?.tag === tagSequence ? algorithmAt(certificate, tbs.end, outer.end) : undefined
  if (algorithm === undefined) return "no X.509 certificate in DER"
  if (algorithm.oid === rsaPss) return hashOfPss(certificate, algorithm.parameters)
  return hashOfSignature.get(algorithm.oid) ?? unbindableNames.get(algorithm.oid) ?? `algorithm ${algorithm.oid}`
}

/** The hash function of `tls-server-end-point` for this certificate (DER), or `undefined` where RFC 5929 defines none. */
export const tlsServerEndPointHashName = (certificate: Uint8Array): EndPointHashName | undefined => {
  const name = endPointHash(certificate)
  return isHashName(name) ? name : undefined
}

/**
 * The channel binding data of `tls-server-end-point` for the server's certificate (DER), or the reason why it has none. Never
 * empty: an empty binding is how CVE-2026-54291 turned `-PLUS` into plain SCRAM.
 */
export const tlsServerEndPoint = (certificate: Uint8Array): Uint8Array | Unbindable => {
  const name = endPointHash(certificate)
  return isHashName(name) ? hashes[name](certificate) : { unbindable: name }
}
