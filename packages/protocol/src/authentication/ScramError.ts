// Why a SCRAM exchange ended. A plain class, not an Effect error: the package serves programs without Effect.
// No password, key, proof or nonce ever enters a message; what the server sent is quoted only where it is known to be harmless.

/**
 * Which rule was broken.
 *
 * - `InvalidArgument`, `OutOfOrder`: the caller, or a server message at the wrong moment
 * - `MalformedServerFirst`, `ExtensionUnsupported`, `NonceInvalid`, `NonceNotExtended`, `SaltInvalid`, `IterationsInvalid`,
 *   `IterationsTooLow`, `IterationsTooHigh`: the server's first message; nothing was derived and no proof was sent
 * - `ServerError`: the server said `e=…`; see `serverError`
 * - `MalformedServerFinal`, `SignatureMismatch`: the server did not prove that it knows the password's verifier
 */
export type ScramErrorReason =
  | "InvalidArgument"
  | "OutOfOrder"
  | "MalformedServerFirst"
  | "ExtensionUnsupported"
  | "NonceInvalid"
  | "NonceNotExtended"
  | "SaltInvalid"
  | "IterationsInvalid"
  | "IterationsTooLow"
  | "IterationsTooHigh"
  | "ServerError"
  | "MalformedServerFinal"
  | "SignatureMismatch"

/** A SCRAM exchange that must not go on. The state machine that threw it refuses every further call. */
export class ScramError extends Error {
  readonly _tag = "ScramError"
  override readonly name = "ScramError"
  readonly reason: ScramErrorReason
  /** The server's word after `e=` (RFC 5802 §7 `server-error-value`), printable ASCII. Only with reason `ServerError`. */
  readonly serverError: string | undefined
  constructor(options: {
    readonly reason: ScramErrorReason
    readonly message: string
    readonly serverError?: string | undefined
  }) {
    super(options.message)
    this.reason = options.reason
    this.serverError = options.serverError
  }
}
