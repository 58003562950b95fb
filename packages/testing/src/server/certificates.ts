// Certificates for TLS tests: an authority of one's own, and whatever it is asked to issue, good or bad. Made with
// node:crypto alone, since openssl(1) is missing on a bare machine. Everything is handed out as PEM text; nothing is
// written to disk, and nothing here is fit to protect anything.
import { randomBytes } from "node:crypto"
import type { KeyObject } from "node:crypto"
import { generateKey, signatureOf } from "./signatureAlgorithm.ts"
import type { KeyKind, SignatureHash } from "./signatureAlgorithm.ts"
import { certificateBody, distinguishedName, pem, revocationBody, signed } from "./x509.ts"
import type { Usage } from "./x509.ts"

export type { KeyKind, SignatureHash } from "./signatureAlgorithm.ts"

export interface CertificateOptions {
  /** subject's common name; default: none, the subject is empty */
  readonly commonName?: string
  /** subject alternative names: DNS names (wildcards too) and IP addresses, told apart by their form; default: none */
  readonly names?: ReadonlyArray<string>
  /** default: an hour ago */
  readonly validFrom?: Date
  /** default: in a day */
  readonly validTo?: Date
  /** default: ec-p256 */
  readonly key?: KeyKind
  /** default: server */
  readonly usage?: "server" | "client"
}

export interface AuthorityOptions extends Omit<CertificateOptions, "names" | "usage"> {
  /** hash of the signatures this authority makes; default: sha256 */
  readonly hash?: SignatureHash
  /** sign with PSS padding although the key is an ordinary RSA key */
  readonly pss?: boolean
}

/** A certificate with its key, all PEM. */
export interface IssuedCertificate {
  /** the certificate alone */
  readonly certificate: string
  /** the certificate and the intermediate ones above it, without the root: what a server presents */
  readonly chain: string
  /** private key, PKCS #8, unencrypted */
  readonly key: string
  /** the same key, encrypted with AES-256 under a passphrase */
  readonly encryptedKey: (passphrase: string) => string
  /** as Node's X509Certificate shows it: upper-case hexadecimal */
  readonly serialNumber: string
}

export interface Authority extends IssuedCertificate {
  readonly issue: (options?: CertificateOptions) => IssuedCertificate
  /** An authority whose certificate this one signs; its certificates carry it in their `chain`. */
  readonly intermediate: (options?: AuthorityOptions) => Authority
  /** A revocation list of this authority. `validTo` defaults to a day from now. */
  readonly revoke: (certificates: ReadonlyArray<IssuedCertificate>, validTo?: Date) => string
}

interface Issuer {
  readonly name: Buffer
  readonly publicKey: KeyObject
  readonly signature: ReturnType<typeof signatureOf>
  /** PEM of the intermediate certificates from this issuer up to the root, which is left out */
  readonly above: string
}

const hour = 60 * 60 * 1000

/** 8 bytes, the first neither zero nor with its highest bit set: the hexadecimal form is then the same everywhere. */
const randomSerial = (): Buffer => {
  const bytes = randomBytes(8)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes
}

const build = (options: CertificateOptions, usage: Usage, issuerFor: (keys: Keys) => Issuer): Built => {
  const keys = generateKey(options.key ?? "ec-p256")
  const issuer = issuerFor(keys)
  const serialNumber = randomSerial()
  const body = certificateBody({
    serialNumber,
    algorithm: issuer.signature.algorithm,
    issuer: issuer.name,
    issuerKey: issuer.publicKey,
    subject: distinguishedName(options.commonName),
    subjectKey: keys.publicKey,
    validFrom: options.validFrom ?? new Date(Date.now() - hour),
    validTo: options.validTo ?? new Date(Date.now() + 24 * hour),
    names: options.names ?? [],
    usage
  })
  const certificate = pem("CERTIFICATE", signed(body, issuer.signature))
  const { privateKey } = keys
  const issued: IssuedCertificate = {
    certificate,
    chain: certificate + issuer.above,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    encryptedKey: (passphrase) =>
      privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase }).toString(),
    serialNumber: serialNumber.toString("hex").toUpperCase()
  }
  return { issued, keys }
}

type Keys = ReturnType<typeof generateKey>

interface Built {
  readonly issued: IssuedCertificate
  readonly keys: Keys
}

const issuerOf = (options: AuthorityOptions, keys: Keys, above: string): Issuer => ({
  name: distinguishedName(options.commonName),
  publicKey: keys.publicKey,
  signature: signatureOf(keys.privateKey, options.hash ?? "sha256", options.pss ?? false),
  above
})

const revocationList = (issuer: Issuer, certificates: ReadonlyArray<IssuedCertificate>, validTo: Date): string => {
  const body = revocationBody({
    algorithm: issuer.signature.algorithm,
    issuer: issuer.name,
    issuerKey: issuer.publicKey,
    serialNumbers: certificates.map((one) => Buffer.from(one.serialNumber, "hex")),
    validFrom: new Date(Date.now() - hour),
    validTo
  })
  return pem("X509 CRL", signed(body, issuer.signature))
}

const authorityFrom = ({ issued }: Built, issuer: Issuer): Authority => ({
  ...issued,
  issue: (options = {}) => build(options, options.usage ?? "server", () => issuer).issued,
  intermediate: (options = {}) => {
    const named = { commonName: "pgfx test intermediate authority", ...options }
    const built = build(named, "authority", () => issuer)
    return authorityFrom(built, issuerOf(named, built.keys, built.issued.chain))
  },
  revoke: (certificates, validTo = new Date(Date.now() + 24 * hour)) => revocationList(issuer, certificates, validTo)
})

/**
 * A new root authority. Its `certificate` is what a client trusts (`sslrootcert`).
 *
 * @example
 * const authority = makeAuthority()
 * const server = authority.issue({ names: ["db.example"] })
 * const cluster = await startCluster({ tls: { certificate: server.chain, key: server.key } })
 */
export const makeAuthority = (options: AuthorityOptions = {}): Authority => {
  const named = { commonName: "pgfx test authority", ...options }
  const built = build(named, "authority", (keys) => issuerOf(named, keys, ""))
  return authorityFrom(built, issuerOf(named, built.keys, ""))
}

/** A certificate that nobody vouches for: issued by itself, and no authority. */
export const selfSigned = (options: CertificateOptions = {}): IssuedCertificate => {
  const named = { commonName: "pgfx test self-signed", ...options }
  return build(named, options.usage ?? "server", (keys) => issuerOf(named, keys, "")).issued
}
