// CancelRequest: a connection of its own to the same server, one packet, no answer but the end. The key is a secret, so it travels under
// the same TLS policy as the session (pgx sent it in clear text until 5.10).
import { ByteWriter, writeCancelRequest } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { PostgresError } from "../PostgresError.ts"
import type { Transport } from "../Transport.ts"
import { type Destination, openLink } from "./startup/openLink.ts"
import { newProgress } from "./startup/progress.ts"
import type { ResolvedSettings } from "./startup/settings/ResolvedSettings.ts"

/** What a CancelRequest needs to know of the session. */
export interface CancelTarget {
  /** the address of the session's own server, and the encryption it ended up with */
  readonly destination: Destination
  readonly key: { readonly processId: number; readonly secretKey: Uint8Array }
}

/**
 * Sends it and reads until the server closes: from then on it has been delivered to the backend, or nobody had that key. That the
 * statement was cancelled is not said; its own answer tells.
 */
export const sendCancelRequest = (
  settings: ResolvedSettings,
  { destination, key }: CancelTarget
): Effect.Effect<void, PostgresError, Transport> =>
  Effect.scoped(
    Effect.gen(function* () {
      const link = yield* openLink(settings, destination, newProgress("the network connection"))
      const writer = new ByteWriter()
      writeCancelRequest(writer, key.processId, key.secretKey)
      for (const chunk of writer.take()) link.duplex.write(chunk)
      yield* Effect.repeat(link.duplex.read, { until: (bytes) => bytes === undefined })
    })
  )
