// A Backend over one scripted connection: the calls of the interface in terms of "the next message" and "say this".
import { type BackendMessage, protocol30 } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import type { Backend, FrontendMessageOf, ScramScript, ScramTranscript, TlsAnswer } from "../Backend.ts"
import { Message } from "../Message.ts"
import { makeScramServer } from "../ScramServer.ts"
import type { ScriptMismatch } from "../ScriptMismatch.ts"
import { expectSteps, sweepUp } from "./expectations.ts"
import type { ScriptedConnection } from "./ScriptedConnection.ts"
import { showFrontend } from "./show.ts"

const withTls = Uint8Array.of(0x53)
const withoutTls = Uint8Array.of(0x4e)

/** What PostgreSQL 18.4 reports before the first ReadyForQuery, some of it as the client asked (captured). */
const reported = (asked: ReadonlyMap<string, string>): ReadonlyArray<readonly [name: string, value: string]> => [
  ["in_hot_standby", "off"],
  ["integer_datetimes", "on"],
  ["TimeZone", asked.get("TimeZone") ?? "UTC"],
  ["IntervalStyle", "postgres"],
  ["is_superuser", "off"],
  ["search_path", asked.get("search_path") ?? '"$user", public'],
  ["application_name", asked.get("application_name") ?? ""],
  ["default_transaction_read_only", "off"],
  ["scram_iterations", "4096"],
  ["DateStyle", asked.get("DateStyle") ?? "ISO, MDY"],
  ["standard_conforming_strings", "on"],
  ["session_authorization", asked.get("user") ?? ""],
  ["client_encoding", "UTF8"],
  ["server_version", "18.4"],
  ["server_encoding", "UTF8"]
]

/** Four bytes in protocol 3.0, 32 in 3.2, as PostgreSQL 18. */
const keyOf = (connection: number, protocolVersion: number): Uint8Array =>
  Uint8Array.from({ length: protocolVersion === protocol30 ? 4 : 32 }, (_, i) => connection + i)

const textOf = (bytes: Uint8Array | null): string => new TextDecoder().decode(bytes ?? new Uint8Array(0))

const unchanged = (text: string): string => text

export const makeBackend = (connection: ScriptedConnection): Backend => {
  const { conversation, wire } = connection

  const send = (...messages: ReadonlyArray<BackendMessage>) => connection.answer(messages)
  const sendBytes = (bytes: Uint8Array): Effect.Effect<void> => Effect.sync(() => connection.sayBytes(bytes))
  const close = (how: string, end: () => void): Effect.Effect<void> =>
    Effect.sync(() => {
      conversation.note(`— ${how}`)
      end()
    })

  const openSession = Effect.sync(() => {
    const { parameters = [], protocolVersion = protocol30 } = conversation.startup ?? {}
    connection.say([
      Message.authenticationOk(),
      ...reported(new Map(parameters)).map(([name, value]) => Message.parameterStatus(name, value)),
      Message.backendKeyData(1000 + connection.number, keyOf(connection.number, protocolVersion)),
      Message.readyForQuery("idle")
    ])
  })

  const startup: Effect.Effect<FrontendMessageOf<"StartupMessage">, ScriptMismatch> = Effect.flatMap(
    connection.next("StartupMessage"),
    (message) => {
      switch (message._tag) {
        case "StartupMessage":
          return Effect.succeed(message)
        case "SSLRequest":
        case "GSSENCRequest":
          return Effect.zipRight(sendBytes(withoutTls), startup)
        default:
          return Effect.fail(connection.mismatch("StartupMessage", showFrontend(message)))
      }
    }
  )

  const acceptTls = (answer: TlsAnswer = {}) =>
    connection
      .nextOf("SSLRequest")
      .pipe(Effect.zipRight(sendBytes(withTls)), Effect.zipRight(connection.handshake(answer)))

  const scram = (script: ScramScript): Effect.Effect<ScramTranscript, ScriptMismatch> =>
    Effect.gen(function* () {
      const server = makeScramServer(script)
      const { serverFinal = unchanged, serverFirst = unchanged } = script
      yield* send(Message.authenticationSASL(...(script.mechanisms ?? ["SCRAM-SHA-256"])))
      const initial = yield* connection.nextOf("SASLInitialResponse")
      const first = server.first(initial.data ?? new Uint8Array(0))
      yield* send(Message.authenticationSASLContinue(serverFirst(first)))
      const response = yield* connection.nextOf("SASLResponse")
      const final = server.final(response.data)
      yield* send(Message.authenticationSASLFinal(serverFinal(final)))
      return {
        mechanism: initial.mechanism,
        clientFirst: textOf(initial.data),
        clientFinal: textOf(response.data),
        proven: server.proven()
      }
    })

  return {
    connection: connection.number,
    acceptStartup: Effect.zipLeft(startup, openSession),
    acceptTls,
    handshake: (answer = {}) => connection.handshake(answer),
    scram,
    openSession,
    expect: (...steps) => expectSteps(connection, steps),
    receive: connection.next("a message"),
    receiveOf: (tag) => connection.nextOf(tag),
    receiveBytes: connection.nextBytes,
    expectEnd: connection.end((message) => sweepUp(connection, message)),
    silence: connection.silence,
    send,
    sendBytes,
    cutConnection: close("the script cuts the connection", () => wire.cutConnection("the script cut the connection")),
    endConnection: close("the script ends the connection", () => wire.endConnection())
  }
}
