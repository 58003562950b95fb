// pgfx's connection to the guard's server: bytes in memory, delivered as a socket delivers them, later and in pieces.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Duplex, Transport } from "pgfx"
import { Answers, type Result } from "./Answers.ts"

const open = (answers: Answers): Duplex => {
  const incoming: Array<Uint8Array> = []
  let wake: (() => void) | undefined
  let outgoing: Array<Uint8Array> = []
  const deliver = (): void => {
    const messages = outgoing
    outgoing = []
    incoming.push(...answers.answer(Buffer.concat(messages)))
    const waiting = wake
    wake = undefined
    waiting?.()
  }
  const poll = (whenThere: () => void): Uint8Array | undefined => {
    const chunk = incoming.shift()
    if (chunk === undefined) wake = whenThere
    return chunk
  }
  return {
    read: Effect.async<Uint8Array>((resume) => {
      const take = (): void => {
        const chunk = poll(take)
        if (chunk !== undefined) resume(Effect.succeed(chunk))
      }
      take()
      return Effect.sync(() => {
        wake = undefined
      })
    }),
    poll,
    write: (bytes) => {
      if (outgoing.length === 0) setImmediate(deliver)
      outgoing.push(bytes)
    },
    buffered: () => 0,
    drained: Effect.void,
    startTls: () => Effect.dieMessage("the guard's server has no TLS"),
    end: Effect.void,
    destroy: () => undefined
  }
}

export const memoryTransport = (prepare: (sql: string) => Result): Layer.Layer<Transport> =>
  Layer.succeed(Transport, {
    abilities: { cancel: false, tls: false, terminate: true },
    connect: () => Effect.sync(() => open(new Answers(prepare)))
  })
