// Decoder and encoder as Stream transducers: for sockets, files and captured sessions alike. Every run begins with a
// fresh decoder, so that a retried or repeated stream never sees half a message of the run before. The only file of
// this package that knows Effect. Runs (`Rows`, `CopyData`) point into the chunks that came: a source that fills one
// buffer again and again must copy.
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BackendDecoderOptions } from "./BackendGrammar.ts"
import type { BackendMessage } from "./BackendMessage.ts"
import { ByteWriter } from "./ByteWriter.ts"
import { writeBackend, writeFrontend } from "./encode.ts"
import { EncodeError } from "./EncodeError.ts"
import type { FrontendDecoderOptions } from "./FrontendGrammar.ts"
import type { FrontendMessage } from "./FrontendMessage.ts"
import { makeBackendDecoder, makeFrontendDecoder, type MessageDecoder } from "./MessageDecoder.ts"
import { ProtocolViolation } from "./ProtocolViolation.ts"

/** Our own error types are the failures a channel announces; anything else that was thrown is a bug, so a defect. */
const failWith = <E>(
  error: unknown,
  isTyped: (error: unknown) => error is E
): Channel.Channel<never, unknown, E, unknown, never, unknown> =>
  Channel.failCause(isTyped(error) ? Cause.fail(error) : Cause.die(error))

const isViolation = (error: unknown): error is ProtocolViolation => error instanceof ProtocolViolation
const isEncodeError = (error: unknown): error is EncodeError => error instanceof EncodeError

/**
 * Bytes to messages. Messages before a violation are emitted, then the channel fails with it; bytes that end inside a
 * message are a violation; a failure of the source passes through and hides none of the messages before it.
 */
export const decode = <M, E = never>(
  makeDecoder: () => MessageDecoder<M>
): Channel.Channel<Chunk.Chunk<M>, Chunk.Chunk<Uint8Array>, E | ProtocolViolation, E, unknown, unknown> =>
  Channel.suspend(() => {
    type Loop = Channel.Channel<Chunk.Chunk<M>, Chunk.Chunk<Uint8Array>, E | ProtocolViolation, E, unknown, unknown>
    const decoder = makeDecoder()
    const loop: Loop = Channel.readWithCause({
      onInput: (input: Chunk.Chunk<Uint8Array>): Loop => {
        const messages: Array<M> = []
        try {
          for (const bytes of input) {
            for (const message of decoder.push(bytes)) messages.push(message)
          }
          // a violation behind messages is not thrown by the push that found it
          if (decoder.violation !== undefined) throw decoder.violation
        } catch (error) {
          const failure = failWith(error, isViolation)
          return messages.length === 0
            ? failure
            : Channel.zipRight(Channel.write(Chunk.unsafeFromArray(messages)), failure)
        }
        return messages.length === 0 ? loop : Channel.zipRight(Channel.write(Chunk.unsafeFromArray(messages)), loop)
      },
      onFailure: (cause: Cause.Cause<E>) => Channel.failCause(cause),
      onDone: () => finish(decoder)
    })
    return loop
  })

const finish = <M>(
  decoder: MessageDecoder<M>
): Channel.Channel<never, unknown, ProtocolViolation, unknown, void, unknown> => {
  try {
    decoder.finish()
    return Channel.void
  } catch (error) {
    return failWith(error, isViolation)
  }
}

/** What a server sent, from the first byte after TLS negotiation on. */
export const backendMessages =
  (options?: BackendDecoderOptions) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<BackendMessage, E | ProtocolViolation, R> =>
    Stream.pipeThroughChannel(
      bytes,
      decode<BackendMessage, E>(() => makeBackendDecoder(options))
    )

/** What a client sent, from its first packet on. `p` frames come as AuthenticationResponse, with raw data. */
export const frontendMessages =
  (options?: FrontendDecoderOptions) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<FrontendMessage, E | ProtocolViolation, R> =>
    Stream.pipeThroughChannel(
      bytes,
      decode<FrontendMessage, E>(() => makeFrontendDecoder(options))
    )

/**
 * Messages to bytes, one write per chunk of messages. Those before a message that cannot be encoded are emitted, then
 * EncodeError.
 */
const encode = <M, E>(
  write: (w: ByteWriter, message: M) => void
): Channel.Channel<Chunk.Chunk<Uint8Array>, Chunk.Chunk<M>, E | EncodeError, E, unknown, unknown> =>
  Channel.suspend(() => {
    type Loop = Channel.Channel<Chunk.Chunk<Uint8Array>, Chunk.Chunk<M>, E | EncodeError, E, unknown, unknown>
    const writer = new ByteWriter()
    const loop: Loop = Channel.readWithCause({
      onInput: (input: Chunk.Chunk<M>): Loop => {
        let next: Loop = loop
        try {
          for (const message of input) write(writer, message)
        } catch (error) {
          next = failWith(error, isEncodeError)
        }
        const bytes = writer.take()
        return bytes.length === 0 ? next : Channel.zipRight(Channel.write(Chunk.unsafeFromArray(bytes)), next)
      },
      onFailure: (cause: Cause.Cause<E>) => Channel.failCause(cause),
      onDone: () => Channel.void
    })
    return loop
  })

/** Frontend messages as bytes. */
export const encodeFrontendMessages = <E, R>(
  messages: Stream.Stream<FrontendMessage, E, R>
): Stream.Stream<Uint8Array, E | EncodeError, R> =>
  Stream.pipeThroughChannel(messages, encode<FrontendMessage, E>(writeFrontend))

/** Backend messages as bytes. */
export const encodeBackendMessages = <E, R>(
  messages: Stream.Stream<BackendMessage, E, R>
): Stream.Stream<Uint8Array, E | EncodeError, R> =>
  Stream.pipeThroughChannel(messages, encode<BackendMessage, E>(writeBackend))

// ---- the live connection

/**
 * Bytes dispatched before other work gets a turn. Unbudgeted, Node hands over 32 reads, 2 MiB, in one turn of its
 * loop: 33 ms blocked at 1 µs per row (measured, design: engine.md §4).
 */
const turn = 256 * 1024

// taken once, so that a test's fake timers do not stop a connection; typed here because no `lib` of ours knows it
const setImmediateIfAny = (globalThis as { readonly setImmediate?: (f: () => void) => unknown }).setImmediate

const afterThisTurn: (resume: () => void) => void =
  setImmediateIfAny === undefined
    ? (resume) => {
        // setTimeout would wait 1 to 4 ms
        const { port1, port2 } = new MessageChannel()
        port1.addEventListener("message", () => {
          port1.close()
          resume()
        })
        port1.start()
        port2.postMessage(0)
      }
    : (resume) => {
        setImmediateIfAny(resume)
      }

/** Gives the event loop a turn. Not `Effect.sleep`: it would wait for a TestClock. */
const yieldTurn: Effect.Effect<void> = Effect.async((resume) => afterThisTurn(() => resume(Effect.void)))

/** Decodes a piece of bytes and dispatches what it completed; throws what either does. */
const dispatching =
  <M>(decoder: MessageDecoder<M>, dispatch: (messages: ReadonlyArray<M>) => void) =>
  (bytes: Uint8Array): void => {
    const messages = decoder.push(bytes)
    if (messages.length > 0) dispatch(messages)
    if (decoder.violation !== undefined) throw decoder.violation
  }

/**
 * Decoder and dispatch fused into one channel, for live connections: one Effect per chunk that was read, none per
 * message (3.5 µs a chunk against 9 to 14 as separate stages, measured, design: architecture.md §3). `dispatch` is
 * called synchronously with what each piece of bytes completed, in order, never with an empty array. After 256 KiB
 * the loop yields a macrotask; larger chunks are cut.
 *
 * Fails with ProtocolViolation thrown by the decoder or by `dispatch`, when the messages before it were dispatched,
 * or if the bytes end inside a message. Anything else `dispatch` throws is a defect.
 */
export const dispatchTo = <M, E = never>(
  makeDecoder: () => MessageDecoder<M>,
  dispatch: (messages: ReadonlyArray<M>) => void
): Channel.Channel<never, Chunk.Chunk<Uint8Array>, E | ProtocolViolation, E, void, unknown> =>
  Channel.suspend(() => {
    type Loop = Channel.Channel<never, Chunk.Chunk<Uint8Array>, E | ProtocolViolation, E, void, unknown>
    const decoder = makeDecoder()
    const push = dispatching(decoder, dispatch)
    let budget = turn

    /** Goes on with `input[index]` at byte `at`. */
    const from = (input: Chunk.Chunk<Uint8Array>, start: number, startAt: number): Loop => {
      try {
        for (let index = start, at = startAt; index < input.length; index++, at = 0) {
          const bytes = Chunk.unsafeGet(input, index)
          while (at < bytes.length) {
            if (budget <= 0) {
              budget = turn
              const [nextIndex, nextAt] = [index, at]
              return Channel.flatMap(Channel.fromEffect(yieldTurn), () => from(input, nextIndex, nextAt))
            }
            const end = Math.min(bytes.length, at + budget)
            push(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end))
            budget -= end - at
            at = end
          }
        }
        return loop
      } catch (error) {
        return failWith(error, isViolation)
      }
    }

    const loop: Loop = Channel.readWithCause({
      onInput: (input: Chunk.Chunk<Uint8Array>) => from(input, 0, 0),
      onFailure: (cause: Cause.Cause<E>) => Channel.failCause(cause),
      onDone: () => finish(decoder)
    })
    return loop
  })

/**
 * Bytes without an Effect for each chunk: what is there, `"over"` after the end or a failure, or `undefined` if there is nothing yet, and
 * then `wake` is called once when it is worth asking again.
 */
export type Poll = (wake: () => void) => Uint8Array | "over" | undefined

/**
 * `dispatchTo` over a source that can be polled: the same pieces, the same turns, the same failures, and no Effect per chunk (0.1 µs a chunk
 * against 3.5, and 6 KB less to collect). Completes when the source is over; whether that was in the middle of a message is told by
 * `finish`, once the source has said how it ended.
 */
export const dispatchPolled = <M>(
  poll: Poll,
  makeDecoder: () => MessageDecoder<M>,
  dispatch: (messages: ReadonlyArray<M>) => void
): Effect.Effect<{ readonly finish: Effect.Effect<void, ProtocolViolation> }, ProtocolViolation> =>
  Effect.async((resume) => {
    const decoder = makeDecoder()
    const push = dispatching(decoder, dispatch)
    let budget = turn
    let rest: Uint8Array | undefined
    let isStopped = false
    const end = Effect.suspend(() => {
      try {
        decoder.finish()
        return Effect.void
      } catch (error) {
        return isViolation(error) ? Effect.fail(error) : Effect.die(error)
      }
    })
    const next = (): void => {
      try {
        for (;;) {
          if (isStopped) return
          if (budget <= 0) {
            budget = turn
            return afterThisTurn(next)
          }
          const bytes = rest ?? poll(next)
          if (bytes === undefined) return
          if (bytes === "over") return resume(Effect.succeed({ finish: end }))
          const piece = bytes.length > budget ? bytes.subarray(0, budget) : bytes
          rest = piece === bytes ? undefined : bytes.subarray(budget)
          budget -= piece.length
          push(piece)
        }
      } catch (error) {
        isStopped = true
        resume(isViolation(error) ? Effect.fail(error) : Effect.die(error))
      }
    }
    next()
    return Effect.sync(() => {
      isStopped = true
    })
  })
