// The server's half of SCRAM-SHA-256 (RFC 5802, RFC 7677): real arithmetic, so that a script can be right, and go wrong on purpose by
// changing a text on the way. For tests only: nothing here runs in constant time, and what a client must not do is judged leniently.
import { createHash, createHmac, pbkdf2Sync } from "node:crypto"
import { preparePassword } from "@pgfx/protocol"

export interface ScramServerOptions {
  readonly password: string
  /** default 4,096, as PostgreSQL's `scram_iterations` */
  readonly iterations?: number | undefined
  /** default: 16 fixed bytes */
  readonly salt?: Uint8Array | undefined
  /** the server's part of the nonce */
  readonly nonce?: string | undefined
  /** of the certificate, for SCRAM-SHA-256-PLUS: what `c=` has to hold behind the header */
  readonly endPointHash?: Uint8Array | undefined
}

export interface ScramServer {
  /** server-first-message in answer to client-first-message */
  readonly first: (clientFirst: Uint8Array) => string
  /** server-final-message: the signature if the client knows the password, otherwise `e=` and the reason */
  readonly final: (clientFinal: Uint8Array) => string
  /** the client's proof was right */
  readonly proven: () => boolean
}

const sha256 = (data: Uint8Array): Buffer => createHash("sha256").update(data).digest()
const hmac = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest()

const attribute = (message: string, name: string): string =>
  message
    .split(",")
    .find((part) => part.startsWith(`${name}=`))
    ?.slice(2) ?? ""

/**
 * One exchange: `first`, then `final`.
 *
 * @since 0.1.0
 * @category authentication
 */
export const makeScramServer = (options: ScramServerOptions): ScramServer => {
  const salt = options.salt ?? Uint8Array.from({ length: 16 }, (_, i) => i + 1)
  const iterations = options.iterations ?? 4096
  let header = ""
  let clientFirstBare = ""
  let serverFirst = ""
  let proven = false

  const bindingOf = (gs2: string): Buffer => {
    const bound = gs2.startsWith("p=") ? (options.endPointHash ?? new Uint8Array(0)) : new Uint8Array(0)
    return Buffer.concat([Buffer.from(gs2), bound])
  }

  return {
    first: (clientFirst) => {
      const text = Buffer.from(clientFirst).toString("utf8")
      const [, gs2 = "", bare = ""] = /^([^,]*,[^,]*,)(.*)$/s.exec(text) ?? []
      header = gs2
      clientFirstBare = bare
      const nonce = `${attribute(bare, "r")}${options.nonce ?? "3rfcNHYJY1ZVvWVs7j"}`
      serverFirst = `r=${nonce},s=${Buffer.from(salt).toString("base64")},i=${iterations}`
      return serverFirst
    },
    final: (clientFinal) => {
      const text = Buffer.from(clientFinal).toString("utf8")
      const withoutProof = text.replace(/,p=[^,]*$/, "")
      if (attribute(text, "c") !== bindingOf(header).toString("base64")) return "e=channel-bindings-dont-match"
      if (attribute(text, "r") !== attribute(serverFirst, "r")) return "e=other-error"
      const authMessage = `${clientFirstBare},${serverFirst},${withoutProof}`
      const salted = pbkdf2Sync(preparePassword(options.password), salt, iterations, 32, "sha256")
      const clientKey = hmac(salted, "Client Key")
      const signature = hmac(sha256(clientKey), authMessage)
      const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))).toString("base64")
      proven = text.endsWith(`,p=${proof}`)
      return proven ? `v=${hmac(hmac(salted, "Server Key"), authMessage).toString("base64")}` : "e=invalid-proof"
    },
    proven: () => proven
  }
}
