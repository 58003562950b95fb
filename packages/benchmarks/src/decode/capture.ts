// Bytes for the decoders to read, as a real PostgreSQL 18 sent them: a large result in text and in binary format, and many small answers. Kept in
// memory for the run, cut into chunks as a socket would deliver them.
import { connect, type Socket } from "node:net"
import {
  type BackendMessage,
  encodeFrontend,
  type FormatCode,
  type FrontendMessage,
  joinChunks,
  makeBackendDecoder,
  pbkdf2Sha256,
  preparePassword,
  protocol30,
  scramClient
} from "@pgfx/protocol"
import { startCluster } from "@pgfx/testing/server/cluster"

/** What a socket of Node hands over at most in one read. */
const chunkSize = 64 * 1024

export interface Captures {
  /** 300,000 rows × 6 columns; all text, or all binary */
  readonly rows: Readonly<Record<"text" | "binary", ReadonlyArray<Buffer>>>
  readonly rowCount: number
  /** OIDs of the six columns */
  readonly columns: ReadonlyArray<number>
  /** one prepared statement run many times: BindComplete, one row, CommandComplete, ReadyForQuery; now and then a notice */
  readonly small: ReadonlyArray<Buffer>
  readonly smallMessages: number
}

const rowCount = 300_000
const columns = [23, 25, 701, 16, 1184, 20]

const sql = `SELECT i::int4 AS id, 'name of row ' || i AS name, (i * 1.25)::float8 AS ratio, i % 3 = 0 AS flag,
  timestamptz '2026-01-01 00:00:00.123456+00' + i * interval '1 second' AS at, i::int8 * 1000000007 AS big
  FROM generate_series(1, ${rowCount}) AS i`

const statements = 20_000

class Recorder {
  private readonly socket: Socket
  private readonly decoder = makeBackendDecoder()
  private readonly queue: Array<BackendMessage> = []
  private wake: () => void = () => {}
  private failure: Error | undefined = undefined
  /** bytes since `record`, or nothing is kept */
  private kept: Array<Uint8Array> | undefined = undefined

  constructor(port: number, host: string) {
    this.socket = connect({ port, host, noDelay: true })
    this.socket.on("data", (chunk) => {
      this.kept?.push(chunk)
      for (const message of this.decoder.push(chunk)) if (message._tag !== "Rows") this.queue.push(message)
      this.wake()
    })
    this.socket.on("error", (error) => {
      this.failure = error
      this.wake()
    })
  }

  send(...messages: ReadonlyArray<FrontendMessage>): void {
    this.socket.write(joinChunks(messages.map(encodeFrontend)))
  }

  async next(): Promise<BackendMessage> {
    for (;;) {
      const message = this.queue.shift()
      if (message?._tag === "ErrorResponse") throw new Error(message.fields.message)
      if (message !== undefined) return message
      if (this.failure !== undefined) throw this.failure
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  async ready(times = 1): Promise<void> {
    for (let seen = 0; seen < times;) if ((await this.next())._tag === "ReadyForQuery") seen++
  }

  /** What the server says until it was ready so many times. */
  async record(times = 1): Promise<Uint8Array> {
    const kept: Array<Uint8Array> = []
    this.kept = kept
    await this.ready(times)
    this.kept = undefined
    return joinChunks(kept)
  }

  close(): void {
    this.send({ _tag: "Terminate" })
    this.socket.destroy()
  }

  async logIn(user: string, password: string): Promise<void> {
    const scram = scramClient({ nonce: "pgfx+benchmark+nonce+0001", channelBinding: { type: "none" } })
    this.send({ _tag: "StartupMessage", protocolVersion: protocol30, parameters: [["user", user]] })
    for (;;) {
      const message = await this.next()
      if (message._tag === "AuthenticationSASL") {
        this.send({ _tag: "SASLInitialResponse", mechanism: scram.mechanism, data: scram.clientFirst() })
      } else if (message._tag === "AuthenticationSASLContinue") {
        const { iterations, salt } = scram.serverFirst(message.data)
        const key = await pbkdf2Sha256(preparePassword(password), salt, iterations)
        this.send({ _tag: "SASLResponse", data: scram.clientFinal(key) })
      } else if (message._tag === "ReadyForQuery") return
    }
  }
}

const bind = (
  statement: string,
  resultFormat: FormatCode,
  parameters: ReadonlyArray<Uint8Array> = []
): FrontendMessage => ({
  _tag: "Bind",
  portal: "",
  statement,
  parameterFormats: [],
  parameters,
  resultFormats: [resultFormat]
})
const execute: FrontendMessage = { _tag: "Execute", portal: "", maxRows: 0 }
const sync: FrontendMessage = { _tag: "Sync" }

const chunked = (bytes: Uint8Array): ReadonlyArray<Buffer> => {
  const chunks: Array<Buffer> = []
  for (let at = 0; at < bytes.length; at += chunkSize) {
    // memory of its own, as a socket's chunks have
    chunks.push(Buffer.from(Uint8Array.from(bytes.subarray(at, at + chunkSize)).buffer))
  }
  return chunks
}

/** Starts a server, records, and stops it. */
export const capture = async (): Promise<Captures> => {
  const cluster = await startCluster({ major: 18, configuration: { timezone: "UTC" } })
  const wire = new Recorder(cluster.port, cluster.host)
  try {
    await wire.logIn(cluster.user, cluster.password)
    const result = async (format: FormatCode): Promise<ReadonlyArray<Buffer>> => {
      wire.send({ _tag: "Parse", statement: "", sql, parameterTypes: [] }, bind("", format), execute, sync)
      return chunked(await wire.record())
    }
    const rows = { text: await result(0), binary: await result(1) }
    wire.send(
      {
        _tag: "Parse",
        statement: "one",
        sql: "SELECT $1::int4 AS id, 'name ' || $1 AS name",
        parameterTypes: [23]
      },
      sync
    )
    await wire.ready()
    const notice = { _tag: "Query", sql: "DO $$ BEGIN RAISE NOTICE 'still here'; END $$" } as const
    const parts: Array<Uint8Array> = []
    const batch = 100
    for (let i = 0; i < statements; i += batch) {
      const messages: Array<FrontendMessage> = []
      for (let j = 0; j < batch; j++) messages.push(bind("one", 0, [Buffer.from(String(i + j))]), execute, sync)
      wire.send(...messages, notice)
      parts.push(await wire.record(batch + 1))
    }
    const perBatch = batch * 4 + 3
    return {
      rows,
      rowCount,
      columns,
      small: chunked(joinChunks(parts)),
      smallMessages: (statements / batch) * perBatch
    }
  } finally {
    wire.close()
    await cluster.stop()
  }
}
