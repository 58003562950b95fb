// Unpredictable bytes, for nonces. Not the seedable Random of Effect: that one is for jitter, and predictable by design.
import * as Effect from "effect/Effect"

/** From the platform's cryptographic generator (WebCrypto, on every runtime we serve). */
export const randomBytes = (length: number): Effect.Effect<Uint8Array> =>
  Effect.sync(() => globalThis.crypto.getRandomValues(new Uint8Array(length)))
