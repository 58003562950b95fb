// The server's end of one scripted connection, as a script sees it. What is behind it: internal/ScriptedConnection.
import type { BackendMessage, FrontendMessage } from "@pgfx/protocol"
import type * as Effect from "effect/Effect"
import type { TlsOptions } from "pgfx"
import type { Departure, TlsAnswer } from "./internal/Wire.ts"
import type { ScramServerOptions } from "./ScramServer.ts"
import type { ScriptMismatch } from "./ScriptMismatch.ts"

export type { Departure, TlsAnswer } from "./internal/Wire.ts"

/** A message of the client, by name. */
export type FrontendMessageOf<Tag extends FrontendMessage["_tag"]> = Extract<FrontendMessage, { readonly _tag: Tag }>

/** How a SCRAM exchange goes, and where it goes wrong. */
export interface ScramScript extends ScramServerOptions {
  /** offered; default `SCRAM-SHA-256` alone */
  readonly mechanisms?: ReadonlyArray<string> | undefined
  /** changes server-first-message before it is sent */
  readonly serverFirst?: ((honest: string) => string) | undefined
  /** changes server-final-message before it is sent */
  readonly serverFinal?: ((honest: string) => string) | undefined
}

/** What the client said in a SCRAM exchange. */
export interface ScramTranscript {
  readonly mechanism: string
  readonly clientFirst: string
  readonly clientFinal: string
  /** the client knows the password */
  readonly proven: boolean
}

/**
 * The server's end of one connection. Whatever fails with ScriptMismatch ends the script, unless the script catches it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Backend {
  /** which connection of this transport, from 1 */
  readonly connection: number

  // ---- start-up
  /**
   * StartupMessage, then `openSession`: a server that asks no questions. An SSLRequest before it is answered as by a server without
   * TLS. The answer is what the client asked for.
   */
  readonly acceptStartup: Effect.Effect<FrontendMessageOf<"StartupMessage">, ScriptMismatch>
  /** SSLRequest, the byte `S`, and the handshake. Nothing is encrypted; `certificate` is what the client is shown. */
  readonly acceptTls: (answer?: TlsAnswer) => Effect.Effect<TlsOptions, ScriptMismatch>
  /** The handshake alone: waits until the client begins it, lets it succeed, and tells what the client asked for. */
  readonly handshake: (answer?: TlsAnswer) => Effect.Effect<TlsOptions, ScriptMismatch>
  /**
   * A SCRAM exchange after StartupMessage, up to server-final-message; AuthenticationOk is the script's to send (`openSession`). A
   * client that does not know the password is told so (`e=invalid-proof`).
   */
  readonly scram: (script: ScramScript) => Effect.Effect<ScramTranscript, ScriptMismatch>
  /** AuthenticationOk, the settings PostgreSQL 18 reports, BackendKeyData, ReadyForQuery. */
  readonly openSession: Effect.Effect<void>

  // ---- hearing
  /**
   * The next things the client does, in this order. A step is one of two:
   *
   * - The name of a frontend message (`"Parse"`, `"Sync"`, `"Terminate"`) is that message, and every answer is the script's.
   * - Anything else is SQL: the client's next statement, which begins with this text (blanks do not matter, case does), by whatever
   *   messages it comes. Statements before the last step are answered as by a server that does as it is told. The last one is
   *   answered by the script's next `send`s, in the words of the simple protocol: `RowDescription DataRow … CommandComplete
   *   ReadyForQuery`, or `ErrorResponse ReadyForQuery`. What the extended protocol says besides is put in: ParseComplete,
   *   BindComplete, NoData, the types of parameters (a ParameterDescription in front of the answer knows better), the format of rows.
   *   So is the answer to what the client says for itself between two users of a connection: its reset script, a bare Sync.
   *
   * The answer: the messages of all steps, as they came.
   */
  readonly expect: (
    ...steps: readonly [string, ...ReadonlyArray<string>]
  ) => Effect.Effect<ReadonlyArray<FrontendMessage>, ScriptMismatch>
  /** The next message, whatever it is. */
  readonly receive: Effect.Effect<FrontendMessage, ScriptMismatch>
  /** The next message, which is this one. */
  readonly receiveOf: <const Tag extends FrontendMessage["_tag"]>(
    tag: Tag
  ) => Effect.Effect<FrontendMessageOf<Tag>, ScriptMismatch>
  /** The next bytes as the client wrote them, read by nobody. Not to be mixed with messages on one connection. */
  readonly receiveBytes: Effect.Effect<Uint8Array, ScriptMismatch>
  /**
   * The client goes: Terminate, if it comes, and the end of the connection. `FIN` is an orderly end, `destroyed` a dropped socket. Any
   * other message is a mismatch, but for a reset of the session on the way.
   */
  readonly expectEnd: Effect.Effect<Departure, ScriptMismatch>
  /** Says nothing more, whatever the client says, until it goes. */
  readonly silence: Effect.Effect<Departure>

  // ---- saying
  /**
   * Messages, as one piece of bytes. Says nothing once the connection was ended or cut. It completes at once, but for the answer to a
   * statement that the client has described before it runs it: the rest is said when it does.
   */
  readonly send: (...messages: ReadonlyArray<BackendMessage>) => Effect.Effect<void, ScriptMismatch>
  /** Bytes as they are: malformed frames, single bytes, other protocols. */
  readonly sendBytes: (bytes: Uint8Array) => Effect.Effect<void>
  /** Drops the connection: what was sent arrives, then the client's `read` fails, as after a reset. */
  readonly cutConnection: Effect.Effect<void>
  /** FIN: what was sent arrives, then the end. */
  readonly endConnection: Effect.Effect<void>
}
