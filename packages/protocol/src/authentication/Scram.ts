// The client's half of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) as a state machine over bytes.
// No I/O, no randomness, no clock: the nonce comes in, and the password never does; the salted password is derived elsewhere
// (pbkdf2.ts), so that no check can be skipped and no work starts before the server's numbers were accepted.
// The byte arrays handed out are fresh; keys made here are zeroed once used; the caller's arrays are left alone.
import { hmac } from "@noble/hashes/hmac"
import { sha256 } from "@noble/hashes/sha2"
import { utf8ToBytes } from "@noble/hashes/utils"
import { encodeBase64 } from "./base64.ts"
import { ScramError } from "./ScramError.ts"
import { readServerFinal, readServerFirst, type ScramLimits } from "./scramMessages.ts"

/** The two mechanisms PostgreSQL knows. */
export type ScramMechanism = "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS"

/**
 * What the client says about channel binding: the GS2 flag of RFC 5802 §6.
 *
 * - `none`, flag `n`: the client does not bind (no TLS, switched off, or a certificate that has no end-point hash)
 * - `unsupportedByServer`, flag `y`: the client could bind, the server offered no `-PLUS`. A server that did offer it, and whose
 *   offer was cut out on the way, notices and refuses
 * - `tls-server-end-point`, flag `p`: `data` is the hash of the server's certificate (RFC 5929 §4)
 */
export type ChannelBinding =
  | { readonly type: "none" }
  | { readonly type: "unsupportedByServer" }
  | { readonly type: "tls-server-end-point"; readonly data: Uint8Array }

/** The digests SCRAM-SHA-256 is made of. */
export interface ScramDigests {
  readonly sha256: (message: Uint8Array) => Uint8Array
  readonly hmacSha256: (key: Uint8Array, message: Uint8Array) => Uint8Array
}

export interface ScramOptions extends Partial<ScramLimits> {
  /** At least 16 characters, printable ASCII without comma, never used twice: see {@link scramNonce}. */
  readonly nonce: string
  readonly channelBinding: ChannelBinding
  /** PostgreSQL takes the user from the start-up packet and ignores this one; libpq sends it empty, and so does the default. */
  readonly user?: string | undefined
  readonly digests?: ScramDigests | undefined
}

export interface ScramClient {
  /** To be named in SASLInitialResponse; follows from the channel binding, so the two cannot disagree. */
  readonly mechanism: ScramMechanism
  /** client-first-message. Throws `OutOfOrder` when called twice. */
  readonly clientFirst: () => Uint8Array
  /**
   * Takes server-first-message and checks all of it. The answer is what to derive the salted password from.
   *
   * @throws ScramError
   */
  readonly serverFirst: (bytes: Uint8Array) => { readonly salt: Uint8Array; readonly iterations: number }
  /**
   * client-final-message: the proof. `saltedPassword` is PBKDF2-HMAC-SHA-256 of the prepared password, 32 bytes; it stays the
   * caller's and is not kept.
   *
   * @throws ScramError
   */
  readonly clientFinal: (saltedPassword: Uint8Array) => Uint8Array
  /**
   * Takes server-final-message and verifies the server's signature in constant time.
   *
   * @throws ScramError
   */
  readonly serverFinal: (bytes: Uint8Array) => void
  /** True once the server has proved that it knows the password's verifier, and never before. */
  readonly verified: boolean
}

const nobleDigests: ScramDigests = { sha256, hmacSha256: (key, message) => hmac(sha256, key, message) }

/**
 * What a server may ask for unless the caller says otherwise.
 *
 * Iterations: PostgreSQL's default is 4,096 (`scram_iterations`), which is also RFC 7677's floor. 100,000 cost about 20 ms of one
 * core with OpenSSL, and are the cap pgjdbc and rust-postgres chose in 2026. Nonces are 48 characters and salts 16 bytes in
 * PostgreSQL (common/scram-common.h); 1 KiB is room for poolers.
 */
export const defaultScramLimits: ScramLimits = {
  minIterations: 4096,
  maxIterations: 100_000,
  maxNonceLength: 1024,
  maxSaltLength: 1024
}

/** A nonce from random bytes: 18 of them, as libpq takes, give 24 characters. */
export const scramNonce = (random: Uint8Array): string => encodeBase64(random)

/** Equal or not, in time that depends on the lengths only (CVE-2025-59432 is what happens otherwise). */
export const equalInConstantTime = (left: Uint8Array, right: Uint8Array): boolean => {
  if (left.length !== right.length) return false
  let difference = 0
  for (let i = 0; i < left.length; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0)
  return difference === 0
}

const gs2Header = (binding: ChannelBinding): string => {
  switch (binding.type) {
    case "none":
      return "n,,"
    case "unsupportedByServer":
      return "y,,"
    case "tls-server-end-point":
      return "p=tls-server-end-point,,"
  }
}

/** `c=`: the GS2 header again, with the certificate's hash behind it (RFC 5802 §7 `cbind-input`). */
const channelBindingAttribute = (binding: ChannelBinding): string => {
  const header = utf8ToBytes(gs2Header(binding))
  if (binding.type !== "tls-server-end-point") return encodeBase64(header)
  const input = new Uint8Array(header.length + binding.data.length)
  input.set(header)
  input.set(binding.data, header.length)
  return encodeBase64(input)
}

const checkOptions = (options: ScramOptions, limits: ScramLimits): void => {
  const invalid = (message: string): never => {
    throw new ScramError({ reason: "InvalidArgument", message })
  }
  if (!/^[\x21-\x2b\x2d-\x7e]{16,}$/.test(options.nonce) || options.nonce.length >= limits.maxNonceLength) {
    invalid("a SCRAM nonce is 16 or more printable ASCII characters without comma, and shorter than maxNonceLength")
  }
  if (options.channelBinding.type === "tls-server-end-point" && options.channelBinding.data.length === 0) {
    invalid("tls-server-end-point needs the hash of the server's certificate; an empty one binds nothing")
  }
  if (options.user !== undefined && /\0|\p{Surrogate}/u.test(options.user)) {
    invalid("a user name holds no NUL character and no half of a surrogate pair")
  }
  for (const limit of [limits.minIterations, limits.maxIterations, limits.maxNonceLength, limits.maxSaltLength]) {
    if (!Number.isSafeInteger(limit) || limit < 0) invalid("SCRAM limits are whole numbers, not negative")
  }
}

type Phase =
  | { readonly at: "start" }
  | { readonly at: "clientFirstSent" }
  | { readonly at: "serverFirstRead"; readonly nonce: string; readonly text: string }
  | { readonly at: "clientFinalSent"; readonly expected: Uint8Array }
  | { readonly at: "verified" }
  | { readonly at: "failed" }

/**
 * One exchange, from start to `verified`. Methods are called in the order they stand in {@link ScramClient}; a call out of order
 * and every broken rule throw {@link ScramError}, after which the exchange is over.
 */
export const scramClient = (options: ScramOptions): ScramClient => {
  const limits: ScramLimits = {
    minIterations: options.minIterations ?? defaultScramLimits.minIterations,
    maxIterations: options.maxIterations ?? defaultScramLimits.maxIterations,
    maxNonceLength: options.maxNonceLength ?? defaultScramLimits.maxNonceLength,
    maxSaltLength: options.maxSaltLength ?? defaultScramLimits.maxSaltLength
  }
  checkOptions(options, limits)
  const digests = options.digests ?? nobleDigests
  const binding = options.channelBinding
  const user = (options.user ?? "").replaceAll("=", "=3D").replaceAll(",", "=2C")
  const clientFirstBare = `n=${user},r=${options.nonce}`
  let phase: Phase = { at: "start" }

  /** Whatever `work` throws ends the exchange. */
  const step = <A>(work: () => A): A => {
    const before = phase
    phase = { at: "failed" }
    try {
      return work()
    } catch (error) {
      if (error instanceof ScramError && error.reason === "InvalidArgument") phase = before
      throw error
    }
  }
  const outOfOrder = (call: string, at: Phase["at"]): ScramError =>
    new ScramError({
      reason: "OutOfOrder",
      message: `SCRAM ${call} does not belong here (the exchange is at ${at})`
    })

  return {
    mechanism: binding.type === "tls-server-end-point" ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256",
    clientFirst: () => {
      const current = phase
      return step(() => {
        if (current.at !== "start") throw outOfOrder("client-first-message", current.at)
        phase = { at: "clientFirstSent" }
        return utf8ToBytes(gs2Header(binding) + clientFirstBare)
      })
    },
    serverFirst: (bytes) => {
      const current = phase
      return step(() => {
        if (current.at !== "clientFirstSent") throw outOfOrder("server-first-message", current.at)
        const first = readServerFirst(bytes, options.nonce, limits)
        phase = { at: "serverFirstRead", nonce: first.nonce, text: first.text }
        return { salt: first.salt, iterations: first.iterations }
      })
    },
    clientFinal: (saltedPassword) => {
      const current = phase
      return step(() => {
        if (current.at !== "serverFirstRead") throw outOfOrder("client-final-message", current.at)
        if (saltedPassword.length !== 32) {
          throw new ScramError({ reason: "InvalidArgument", message: "a salted password has 32 bytes" })
        }
        const withoutProof = `c=${channelBindingAttribute(binding)},r=${current.nonce}`
        const authMessage = utf8ToBytes(`${clientFirstBare},${current.text},${withoutProof}`)
        const clientKey = digests.hmacSha256(saltedPassword, utf8ToBytes("Client Key"))
        const storedKey = digests.sha256(clientKey)
        const proof = digests.hmacSha256(storedKey, authMessage)
        for (let i = 0; i < proof.length; i++) proof[i] = (proof[i] ?? 0) ^ (clientKey[i] ?? 0)
        const serverKey = digests.hmacSha256(saltedPassword, utf8ToBytes("Server Key"))
        const expected = digests.hmacSha256(serverKey, authMessage)
        clientKey.fill(0)
        storedKey.fill(0)
        serverKey.fill(0)
        phase = { at: "clientFinalSent", expected }
        return utf8ToBytes(`${withoutProof},p=${encodeBase64(proof)}`)
      })
    },
    serverFinal: (bytes) => {
      const current = phase
      step(() => {
        if (current.at !== "clientFinalSent") throw outOfOrder("server-final-message", current.at)
        if (!equalInConstantTime(readServerFinal(bytes), current.expected)) {
          throw new ScramError({
            reason: "SignatureMismatch",
            message:
              "the server's SCRAM signature is wrong: it does not know this user's password and is not the server it claims to be"
          })
        }
        phase = { at: "verified" }
      })
    },
    get verified() {
      return phase.at === "verified"
    }
  }
}
