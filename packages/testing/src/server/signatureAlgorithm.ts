// Keys and signatures of certificates: which keys there are, how an issuer signs with them, and what the signature is
// called in the certificate. tls-server-end-point hashes the server's certificate by that name (RFC 5929 4.1), which is
// why tests need every family.
import { constants, generateKeyPairSync, sign } from "node:crypto"
import type { KeyObject } from "node:crypto"
import { context, integer, nothing, objectIdentifier, sequence } from "./der.ts"

export type KeyKind = "rsa" | "rsa-pss" | "ec-p256" | "ec-p384" | "ec-p521" | "ed25519" | "ed448"

/** `md5` and `sha1` are for tests of what a verifier refuses. Ed25519 and Ed448 have no choice. */
export type SignatureHash = "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512"

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

const curves = { "ec-p256": "P-256", "ec-p384": "P-384", "ec-p521": "P-521" } as const

/** A new key. RSA keys have 2048 bits and take 50–300 ms; the others take none worth counting. */
export const generateKey = (kind: KeyKind): KeyPair => {
  switch (kind) {
    case "rsa":
      return generateKeyPairSync("rsa", { modulusLength: 2048 })
    case "rsa-pss":
      return generateKeyPairSync("rsa-pss", { modulusLength: 2048 })
    case "ed25519":
      return generateKeyPairSync("ed25519")
    case "ed448":
      return generateKeyPairSync("ed448")
    case "ec-p256":
    case "ec-p384":
    case "ec-p521":
      return generateKeyPairSync("ec", { namedCurve: curves[kind] })
  }
}

interface Signature {
  /** AlgorithmIdentifier, DER */
  readonly algorithm: Buffer
  readonly sign: (bytes: Uint8Array) => Buffer
}

/** RFC 8017 A.2.4, RFC 3279 2.2.1 */
const rsaNames: Readonly<Record<SignatureHash, string>> = {
  md5: "1.2.840.113549.1.1.4",
  sha1: "1.2.840.113549.1.1.5",
  sha224: "1.2.840.113549.1.1.14",
  sha256: "1.2.840.113549.1.1.11",
  sha384: "1.2.840.113549.1.1.12",
  sha512: "1.2.840.113549.1.1.13"
}

/** RFC 5758 3.2, RFC 3279 2.2.3. There is no ecdsa-with-MD5. */
const ecdsaNames: Readonly<Record<Exclude<SignatureHash, "md5">, string>> = {
  sha1: "1.2.840.10045.4.1",
  sha224: "1.2.840.10045.4.3.1",
  sha256: "1.2.840.10045.4.3.2",
  sha384: "1.2.840.10045.4.3.3",
  sha512: "1.2.840.10045.4.3.4"
}

const hashes: Readonly<Record<SignatureHash, { readonly name: string; readonly length: number }>> = {
  md5: { name: "1.2.840.113549.2.5", length: 16 },
  sha1: { name: "1.3.14.3.2.26", length: 20 },
  sha224: { name: "2.16.840.1.101.3.4.2.4", length: 28 },
  sha256: { name: "2.16.840.1.101.3.4.2.1", length: 32 },
  sha384: { name: "2.16.840.1.101.3.4.2.2", length: 48 },
  sha512: { name: "2.16.840.1.101.3.4.2.3", length: 64 }
}

/** RFC 4055 3.1: hash, mask generation over the same hash, salt as long as the hash. */
const pssAlgorithm = (hash: SignatureHash): Buffer => {
  const digest = sequence(objectIdentifier(hashes[hash].name), nothing)
  const mask = sequence(objectIdentifier("1.2.840.113549.1.1.8"), digest)
  const parameters = sequence(context(0, digest), context(1, mask), context(2, integer(hashes[hash].length)))
  return sequence(objectIdentifier("1.2.840.113549.1.1.10"), parameters)
}

const pss = (key: KeyObject, hash: SignatureHash): Signature => {
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return {
    algorithm: pssAlgorithm(hash),
    sign: (bytes) => sign(hash, bytes, { key, padding, saltLength: hashes[hash].length })
  }
}

/** How a key signs. `pss` makes an ordinary RSA key sign with PSS padding; an `rsa-pss` key always does. */
export const signatureOf = (key: KeyObject, hash: SignatureHash, usePss: boolean): Signature => {
  switch (key.asymmetricKeyType) {
    case "rsa":
      if (usePss) return pss(key, hash)
      return {
        algorithm: sequence(objectIdentifier(rsaNames[hash]), nothing),
        sign: (bytes) => sign(hash, bytes, key)
      }
    case "rsa-pss":
      return pss(key, hash)
    case "ec":
      if (hash === "md5") throw new Error("ECDSA signatures have no MD5 variant.")
      return { algorithm: sequence(objectIdentifier(ecdsaNames[hash])), sign: (bytes) => sign(hash, bytes, key) }
    case "ed25519":
      return { algorithm: sequence(objectIdentifier("1.3.101.112")), sign: (bytes) => sign(null, bytes, key) }
    case "ed448":
      return { algorithm: sequence(objectIdentifier("1.3.101.113")), sign: (bytes) => sign(null, bytes, key) }
    default:
      throw new Error(`No certificate signatures with a ${String(key.asymmetricKeyType)} key.`)
  }
}
