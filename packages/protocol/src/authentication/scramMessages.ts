// The server's two SCRAM messages, from bytes to checked values (RFC 5802 §7, grammar). Every rule that protects the client
// before it derives or sends anything is here; order of attributes and extensions are as strict as in libpq
// (fe-auth-scram.c, read_server_first_message, read_server_final_message). No state, no cryptography.
import { decodeBase64 } from "./base64.ts"
import { ScramError, type ScramErrorReason } from "./ScramError.ts"

/** What a server may ask of this client. */
export interface ScramLimits {
  readonly minIterations: number
  readonly maxIterations: number
  /** characters, the client's part included */
  readonly maxNonceLength: number
  /** bytes, after base64 */
  readonly maxSaltLength: number
}

export interface ServerFirst {
  /** the message as text: part of what both sides sign */
  readonly text: string
  /** the client's nonce and the server's behind it */
  readonly nonce: string
  readonly salt: Uint8Array
  readonly iterations: number
}

const fail = (reason: ScramErrorReason, message: string): never => {
  throw new ScramError({ reason, message })
}

/** 0x21–0x7E: RFC 5802 `printable` and the comma. Everything PostgreSQL sends lies inside; NUL, CR, ESC and UTF-8 do not. */
const printableText = (bytes: Uint8Array): string | undefined => {
  let text = ""
  for (const byte of bytes) {
    if (byte < 0x21 || byte > 0x7e) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

/** The value of attribute `name` if the piece is `name=value`. */
const attribute = (piece: string | undefined, name: string): string | undefined =>
  piece !== undefined && piece.startsWith(`${name}=`) ? piece.slice(2) : undefined

const checkNonce = (nonce: string, clientNonce: string, limits: ScramLimits): void => {
  if (nonce.length > limits.maxNonceLength) {
    fail(
      "NonceInvalid",
      `the server's SCRAM nonce has ${nonce.length} characters; at most ${limits.maxNonceLength} are accepted`
    )
  }
  if (!nonce.startsWith(clientNonce)) {
    fail(
      "NonceNotExtended",
      "the server's SCRAM nonce does not begin with the client's, so its message answers another exchange (replayed or forged)"
    )
  }
  if (nonce.length === clientNonce.length) {
    fail("NonceNotExtended", "the server added nothing to the client's SCRAM nonce, so the exchange could be replayed")
  }
}

const readSalt = (text: string, limits: ScramLimits): Uint8Array => {
  const salt = decodeBase64(text)
  if (salt === undefined) return fail("SaltInvalid", "the server's SCRAM salt is not canonical base64")
  if (salt.length === 0) return fail("SaltInvalid", "the server's SCRAM salt is empty")
  if (salt.length > limits.maxSaltLength) {
    return fail(
      "SaltInvalid",
      `the server's SCRAM salt has ${salt.length} bytes; at most ${limits.maxSaltLength} are accepted`
    )
  }
  return salt
}

const readIterations = (text: string, limits: ScramLimits): number => {
  // RFC 5802 `posit-number`: no sign, no leading zero, no exponent. The one exception is "0", answered as too low.
  if (!/^(?:0|[1-9][0-9]*)$/.test(text)) {
    return fail("IterationsInvalid", "the server's SCRAM iteration count is not a plain positive decimal number")
  }
  const iterations = Number(text)
  if (iterations > limits.maxIterations) {
    const shown = text.length > 20 ? `a number of ${text.length} digits` : text
    return fail(
      "IterationsTooHigh",
      `the server asks for ${shown} SCRAM iterations; at most ${limits.maxIterations} are accepted, ` +
        "because the work is done before the server has proved anything"
    )
  }
  if (iterations < 1 || iterations < limits.minIterations) {
    return fail(
      "IterationsTooLow",
      `the server asks for ${text} SCRAM iterations; at least ${Math.max(1, limits.minIterations)} are needed, ` +
        "because a proof made with fewer gives the password to whoever can guess fast"
    )
  }
  return iterations
}

/**
 * Reads `r=…,s=…,i=…`.
 *
 * @throws ScramError with the rule that was broken; `ServerError` if the server says `e=…` already here
 */
export const readServerFirst = (bytes: Uint8Array, clientNonce: string, limits: ScramLimits): ServerFirst => {
  // Bounds the text before it is built: base64 is 4 characters for 3 bytes; the rest is `r=`, `,s=`, `,i=` and the number.
  const longest = limits.maxNonceLength + Math.ceil(limits.maxSaltLength / 3) * 4 + 64
  if (bytes.length > longest) {
    // The attributes come in a fixed order, so the first bytes tell which one is to blame.
    const comma = bytes.indexOf(0x2c)
    const nonceTooLong = bytes[0] === 0x72 && (comma < 0 || comma - 2 > limits.maxNonceLength)
    return fail(
      nonceTooLong ? "NonceInvalid" : "MalformedServerFirst",
      `the server's first SCRAM message has ${bytes.length} bytes; at most ${longest} are accepted` +
        (nonceTooLong ? `, and its nonce may have ${limits.maxNonceLength} characters` : "")
    )
  }
  const text = printableText(bytes)
  if (text === undefined) {
    return fail("MalformedServerFirst", "the server's first SCRAM message holds a byte that is not printable ASCII")
  }
  const pieces = text.split(",")
  if (text.startsWith("e=")) throw serverError(text.slice(2), "MalformedServerFirst")
  if (text.startsWith("m=")) {
    return fail(
      "ExtensionUnsupported",
      "the server demands a SCRAM extension (m=); RFC 5802 §5.1 obliges a client that does not know it to stop"
    )
  }
  const nonce = attribute(pieces[0], "r")
  const salt = attribute(pieces[1], "s")
  const iterations = attribute(pieces[2], "i")
  if (nonce === undefined || salt === undefined || iterations === undefined) {
    return fail(
      "MalformedServerFirst",
      "the server's first SCRAM message is not r=<nonce>,s=<salt>,i=<iterations>, in that order"
    )
  }
  if (pieces.length > 3) {
    return fail(
      "ExtensionUnsupported",
      "the server's first SCRAM message goes on after the iteration count; PostgreSQL defines no extension"
    )
  }
  checkNonce(nonce, clientNonce, limits)
  return { text, nonce, salt: readSalt(salt, limits), iterations: readIterations(iterations, limits) }
}

/** RFC 5802 §7 `server-error-value`, with what each means to somebody who set up the connection. */
const serverErrors: Readonly<Record<string, string>> = {
  "invalid-encoding": "it could not read a message of ours",
  "extensions-not-supported": "it does not know an extension we asked for",
  "invalid-proof": "the password is wrong",
  "channel-bindings-dont-match":
    "it sees another TLS certificate than we do: something stands between client and server",
  "server-does-support-channel-binding":
    "it supports channel binding though we were told otherwise: something stands between client and server",
  "channel-binding-not-supported": "it does not support channel binding",
  "unsupported-channel-binding-type": "it does not support channel binding of type tls-server-end-point",
  "unknown-user": "the user does not exist",
  "invalid-username-encoding": "it could not read the user's name",
  "no-resources": "it is out of resources",
  "other-error": "it gave no particular reason"
}

const serverError = (value: string, malformed: "MalformedServerFirst" | "MalformedServerFinal"): ScramError => {
  // `server-error-value-ext` is open-ended; 128 characters are more than any word a server would choose.
  if (value === "" || value.length > 128 || value.includes(",")) {
    return new ScramError({ reason: malformed, message: "the server's SCRAM error (e=) is not one short word" })
  }
  const meaning = Object.hasOwn(serverErrors, value) ? serverErrors[value] : undefined
  return new ScramError({
    reason: "ServerError",
    serverError: value,
    message: `the server ended the SCRAM exchange with ${value}${meaning === undefined ? "" : `: ${meaning}`}`
  })
}

/**
 * Reads `v=…`: the server's signature, 32 bytes, not yet compared with anything.
 *
 * @throws ScramError `ServerError` for `e=…`, `MalformedServerFinal` for anything but `v=` and 32 bytes in base64
 */
export const readServerFinal = (bytes: Uint8Array): Uint8Array => {
  // `v=` and 44 characters, or `e=` and a word: nothing near 1 KiB is either.
  const text = bytes.length > 1024 ? undefined : printableText(bytes)
  if (text === undefined) {
    return fail("MalformedServerFinal", "the server's final SCRAM message is too long or not printable ASCII")
  }
  if (text.startsWith("e=")) throw serverError(text.slice(2), "MalformedServerFinal")
  const signature = text.startsWith("v=") ? decodeBase64(text.slice(2)) : undefined
  if (signature === undefined || signature.length !== 32) {
    return fail("MalformedServerFinal", "the server's final SCRAM message is not v=<32 bytes in canonical base64>")
  }
  return signature
}
