// The Listener of a database, for as long as the Scope lives, and what its connections have to tell it.
import type { NotificationResponse, ReportFields } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { Permanent } from "../../PostgresError.ts"
import { Transport } from "../../Transport.ts"
import type { CloseReason } from "../exchange/Exchange.ts"
import type { Lessor } from "../lease.ts"
import type { ResolvedSettings } from "../startup/settings/ResolvedSettings.ts"
import { keepDedicatedSession } from "./dedicatedSession.ts"
import { Listener } from "./Listener.ts"
import { sharedSession } from "./sharedSession.ts"

export interface ConnectedListener {
  readonly listener: Listener
  /** of a connection for statements: it came without being asked for */
  readonly received: (notification: NotificationResponse) => void
  /** a connection for statements has ended */
  readonly closed: (reason: CloseReason) => void
  /** who still listens fails `PoolClosed`; before the connections are closed */
  readonly close: Effect.Effect<void>
}

export interface ListenerOptions {
  readonly settings: ResolvedSettings
  readonly notice: (fields: ReportFields) => void
  readonly lessor: () => Lessor
}

const poolClosed = new Permanent({ reason: { _tag: "PoolClosed" }, outcome: "NotSent" })

const closing = (listener: Listener): Effect.Effect<void> =>
  Effect.sync(() => listener.close({ _tag: "NotLeased", error: poolClosed }))

/** Opens nothing until somebody subscribes. */
export const connectListener = ({
  lessor,
  notice,
  settings
}: ListenerOptions): Effect.Effect<ConnectedListener, never, Transport | Scope.Scope> =>
  Effect.gen(function* () {
    const { abilities } = yield* Transport
    if (abilities.maxSessions === 1) {
      const { keep, ...told } = sharedSession(lessor)
      const listener = new Listener(keep, true)
      return { listener, ...told, close: closing(listener) }
    }
    const fork = yield* FiberSet.makeRuntime<Transport>()
    const listener = new Listener((events) => {
      // Layers are often built where nothing can be interrupted, and a fiber inherits that.
      const fiber = fork(Effect.interruptible(keepDedicatedSession({ settings, notice }, events)))
      return { stop: () => fiber.unsafeInterruptAsFork(fiber.id()) }
    })
    let told = false
    return {
      listener,
      // LISTEN by hand, in a pin: whoever does that has nobody to hear it
      received: ({ channel }) => {
        if (told) return
        told = true
        const sentence = "came to a connection for statements, where nobody hears it: use Notification.channel"
        fork(Effect.logWarning(`pgfx: a notification on ${JSON.stringify(channel)} ${sentence}`))
      },
      closed: () => undefined,
      close: closing(listener)
    }
  })
