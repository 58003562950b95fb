// The Listener of a database, for as long as the Scope lives.
import type { ReportFields } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { Permanent } from "../../PostgresError.ts"
import type { Transport } from "../../Transport.ts"
import type { ResolvedSettings } from "../startup/settings/ResolvedSettings.ts"
import { keepDedicatedSession } from "./dedicatedSession.ts"
import { Listener } from "./Listener.ts"

/** Opens nothing until somebody subscribes. When the Scope closes, who still listens fails `PoolClosed`. */
export const connectListener = (
  settings: ResolvedSettings,
  notice: (fields: ReportFields) => void
): Effect.Effect<Listener, never, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const fork = yield* FiberSet.makeRuntime<Transport>()
    const listener = new Listener((events) => {
      // Layers are often built where nothing can be interrupted, and a fiber inherits that.
      const fiber = fork(Effect.interruptible(keepDedicatedSession({ settings, notice }, events)))
      return { stop: () => fiber.unsafeInterruptAsFork(fiber.id()) }
    })
    const closed = new Permanent({ reason: { _tag: "PoolClosed" }, outcome: "NotSent" })
    yield* Effect.addFinalizer(() => Effect.sync(() => listener.close({ _tag: "NotLeased", error: closed })))
    return listener
  })
