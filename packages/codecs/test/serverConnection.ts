// A connection to a real server for the differential tests of this package, which must not depend on the client that is built on it. Over
// TCP without TLS; SCRAM; the unnamed statement. Everything on the wire is @pgfx/protocol's.
import { randomBytes } from "node:crypto"
import { createConnection, type Socket } from "node:net"
import {
  type BackendMessage,
  type ColumnDescription,
  type FormatCode,
  type FrontendMessage,
  ByteWriter,
  encodeFrontend,
  joinChunks,
  makeBackendDecoder,
  pbkdf2Sha256,
  type Rows,
  scramClient,
  scramNonce,
  writeExecute,
  writeSync
} from "@pgfx/protocol"

export interface ServerFacts {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

export interface ServerConnection {
  /** one or more statements, whose results are thrown away */
  readonly run: (sql: string) => Promise<void>
  /** parses the unnamed statement and says what it takes and returns */
  readonly describe: (sql: string) => Promise<{
    readonly parameters: ReadonlyArray<number>
    readonly columns: ReadonlyArray<ColumnDescription>
  }>
  /** executes it once per entry, all in one pipeline; an entry puts the format codes and values of Bind */
  readonly execute: (
    binds: ReadonlyArray<(out: ByteWriter) => void>,
    formats: ReadonlyArray<FormatCode>
  ) => Promise<ReadonlyArray<Rows>>
  readonly close: () => void
}

/** Messages as they come; the wait for one ends in an error when the socket does. */
const reader = (socket: Socket) => {
  const decoder = makeBackendDecoder({ maxMessageSize: 2 ** 30 - 2 })
  const waiting: Array<BackendMessage> = []
  let failure: Error | undefined
  let wake = () => {}
  const fail = (error: Error) => {
    failure ??= error
    wake()
  }
  socket.on("data", (chunk) => {
    try {
      waiting.push(...decoder.push(chunk))
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)))
    }
    wake()
  })
  socket.on("error", fail)
  socket.on("close", () => fail(new Error("the server closed the connection")))
  return async (): Promise<BackendMessage> => {
    while (waiting.length === 0) {
      if (failure !== undefined) throw failure
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return waiting.shift()!
  }
}

const session = [
  ["client_encoding", "UTF8"],
  ["DateStyle", "ISO"],
  ["IntervalStyle", "postgres"],
  ["extra_float_digits", "1"],
  // a zone with odd old offsets and with daylight saving, so that nothing depends on UTC by accident
  ["TimeZone", "America/New_York"]
] as const

export const connect = async (facts: ServerFacts): Promise<ServerConnection> => {
  const socket = createConnection({ host: facts.host, port: facts.port, noDelay: true })
  const next = reader(socket)
  const send = (...messages: ReadonlyArray<FrontendMessage>) => {
    for (const message of messages) socket.write(encodeFrontend(message))
  }
  /** until ReadyForQuery; an ErrorResponse rejects then */
  const answer = async (): Promise<ReadonlyArray<BackendMessage>> => {
    const messages: Array<BackendMessage> = []
    let error: Error | undefined
    for (;;) {
      const message = await next()
      if (message._tag === "ErrorResponse") error = new Error(`${message.fields.code} ${message.fields.message}`)
      messages.push(message)
      if (message._tag !== "ReadyForQuery") continue
      if (error !== undefined) throw error
      return messages
    }
  }

  send({
    _tag: "StartupMessage",
    protocolVersion: 196_608,
    parameters: [["user", facts.user], ["database", facts.database], ...session]
  })
  const scram = scramClient({ nonce: scramNonce(randomBytes(18)), channelBinding: { type: "none" } })
  for (let isOpen = false; !isOpen;) {
    const message = await next()
    if (message._tag === "AuthenticationSASL") {
      send({ _tag: "SASLInitialResponse", mechanism: scram.mechanism, data: scram.clientFirst() })
    } else if (message._tag === "AuthenticationSASLContinue") {
      const { salt, iterations } = scram.serverFirst(message.data)
      const password = await pbkdf2Sha256(new TextEncoder().encode(facts.password), salt, iterations)
      send({ _tag: "SASLResponse", data: scram.clientFinal(password) })
    } else if (message._tag === "AuthenticationSASLFinal") scram.serverFinal(message.data)
    else if (message._tag === "ErrorResponse") throw new Error(`${message.fields.code} ${message.fields.message}`)
    else isOpen = message._tag === "ReadyForQuery"
  }

  return {
    run: async (sql) => {
      send({ _tag: "Query", sql })
      await answer()
    },
    describe: async (sql) => {
      send(
        { _tag: "Parse", statement: "", sql, parameterTypes: [] },
        { _tag: "Describe", target: "statement", name: "" },
        { _tag: "Sync" }
      )
      const messages = await answer()
      const parameters = messages.find((message) => message._tag === "ParameterDescription")
      const rows = messages.find((message) => message._tag === "RowDescription")
      return { parameters: parameters?.typeOids ?? [], columns: rows?.columns ?? [] }
    },
    execute: async (binds, formats) => {
      const out = new ByteWriter()
      for (const bind of binds) {
        out.beginMessage(0x42, "Bind")
        out.cString("")
        out.cString("")
        bind(out)
        out.count(formats.length, "result formats")
        for (const format of formats) out.int16(format)
        out.endMessage()
        writeExecute(out, "", 0)
      }
      writeSync(out)
      socket.write(joinChunks(out.take()))
      const messages = await answer()
      return messages.filter((message) => message._tag === "Rows")
    },
    close: () => socket.destroy()
  }
}
