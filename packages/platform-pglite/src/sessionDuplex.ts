// The one session of a PGlite as a Duplex. What is written is held until it is whole groups, then run; the answer is read chunk by
// chunk. Calls are serialised: PGlite is one backend.
import type { PGlite } from "@electric-sql/pglite"
import * as Effect from "effect/Effect"
import { Broken, type Duplex } from "pgfx"
import { wholeGroups } from "./wholeGroups.ts"

type Reading = Effect.Effect<Uint8Array | undefined, Broken>

const concat = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

/** A simple query, for the reset: PGlite has no Terminate that it survives. */
const query = (sql: string): Uint8Array => {
  const text = new TextEncoder().encode(sql)
  const message = new Uint8Array(text.length + 6)
  message[0] = 0x51
  new DataView(message.buffer).setInt32(1, text.length + 5)
  message.set(text, 5)
  return message
}

class Session {
  private readonly arrived: Array<Uint8Array> = []
  private readonly held: Array<Uint8Array> = []
  private waiting: ((reading: Reading) => void) | undefined = undefined
  private ended: Reading | undefined = undefined
  private started = false
  private running: Promise<void> = Promise.resolve()
  private unanswered = 0
  private whenDrained: Array<() => void> = []

  private readonly database: PGlite
  constructor(database: PGlite) {
    this.database = database
  }

  readonly read: Reading = Effect.async((resume) => {
    const chunk = this.arrived.shift()
    if (chunk !== undefined) return resume(Effect.succeed(chunk))
    if (this.ended !== undefined) return resume(this.ended)
    this.waiting = resume
    return Effect.sync(() => {
      if (this.waiting === resume) this.waiting = undefined
    })
  })

  readonly write = (bytes: Uint8Array): void => {
    if (this.ended !== undefined) return
    this.held.push(bytes)
    const all = this.held.length === 1 ? bytes : concat(this.held)
    const whole = wholeGroups(all, this.started)
    this.held.length = 0
    if (whole < all.length) this.held.push(all.subarray(whole))
    if (whole === 0) return
    this.started = true
    this.run(all.slice(0, whole), true)
  }

  readonly buffered = (): number => this.unanswered + this.held.reduce((sum, chunk) => sum + chunk.length, 0)

  readonly drained: Effect.Effect<void> = Effect.async((resume) => {
    if (this.unanswered === 0) return resume(Effect.void)
    const done = (): void => resume(Effect.void)
    this.whenDrained.push(done)
    return Effect.sync(() => {
      this.whenDrained = this.whenDrained.filter((other) => other !== done)
    })
  })

  readonly end = (reading: Reading): void => {
    this.ended ??= reading
    const { waiting } = this
    this.waiting = undefined
    waiting?.(this.ended)
  }

  /** Leaves the session as the next one expects it, once what is running has ended. */
  readonly reset: Effect.Effect<void> = Effect.promise(async () => {
    this.end(Effect.succeed(undefined))
    if (this.started) {
      this.run(query("ROLLBACK"), false)
      this.run(query("DISCARD ALL"), false)
    }
    await this.running
  })

  private run(bytes: Uint8Array, answered: boolean): void {
    this.unanswered += bytes.length
    const call = async (): Promise<void> => {
      try {
        await this.database.execProtocolRawStream(bytes, {
          onRawData: (data) => {
            if (answered && data.length > 0) this.deliver(data.slice())
          }
        })
      } catch (error) {
        this.end(
          Effect.fail(
            new Broken({ reason: { _tag: "ConnectionLost", cause: error }, outcome: "Unknown", cause: error })
          )
        )
      } finally {
        this.unanswered -= bytes.length
        if (this.unanswered === 0) for (const done of this.whenDrained.splice(0)) done()
      }
    }
    this.running = this.running.then(call)
  }

  private deliver(data: Uint8Array): void {
    const { waiting } = this
    if (waiting === undefined) this.arrived.push(data)
    else {
      this.waiting = undefined
      waiting(Effect.succeed(data))
    }
  }
}

/** The session, and what brings it back to its first state. */
export const sessionDuplex = (database: PGlite): { readonly duplex: Duplex; readonly reset: Effect.Effect<void> } => {
  const session = new Session(database)
  const duplex: Duplex = {
    read: session.read,
    write: session.write,
    buffered: session.buffered,
    drained: session.drained,
    startTls: () =>
      Effect.fail(
        new Broken({
          reason: { _tag: "TlsFailed", check: "TLS: PGlite has no network", cause: undefined },
          outcome: "NotSent"
        })
      ),
    end: Effect.sync(() => session.end(Effect.succeed(undefined))),
    destroy: () => session.end(Effect.succeed(undefined))
  }
  return { duplex, reset: session.reset }
}
