// What is said in each golden session (scripts/capture-goldens.ts). The statements are chosen so that two captures of one major version differ in
// as little as possible: no clocks, no sizes, no plans.
import { type BackendMessage, copyPayloads, type FrontendMessage, protocol32, RowCursor } from "@pgfx/protocol"
import type { Golden } from "../packages/protocol/test/goldens/golden.ts"
import { type Login, Wire } from "./capture-goldens-wire.ts"

/** A throw-away server: every login below is its own. */
export interface Target {
  readonly major: number
  readonly host: string
  readonly port: number
  /** of all roles */
  readonly password: string
  /** the superuser, whom the server trusts */
  readonly user: string
}

/** Roles whose names are the method by which the server asks them for their password. */
export const roles = { scram: "golden_scram", md5: "golden_md5", cleartext: "golden_cleartext" } as const

const login = (target: Target, user: string, more: Partial<Login> = {}): Login => ({ ...target, ...more, user })

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const int4 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value)
  return bytes
}

const bind = (more: Partial<Extract<FrontendMessage, { readonly _tag: "Bind" }>> = {}): FrontendMessage => ({
  _tag: "Bind",
  portal: "",
  statement: "",
  parameterFormats: [],
  parameters: [],
  resultFormats: [],
  ...more
})
const parse = (sql: string, statement = "", parameterTypes: ReadonlyArray<number> = []): FrontendMessage => ({
  _tag: "Parse",
  statement,
  sql,
  parameterTypes
})
const execute = (maxRows = 0, portal = ""): FrontendMessage => ({ _tag: "Execute", portal, maxRows })
const sync: FrontendMessage = { _tag: "Sync" }
const describePortal: FrontendMessage = { _tag: "Describe", target: "portal", name: "" }
/** A CopyData frame of its own: the frame's header and the payload. */
const copyData = (payload: Uint8Array): FrontendMessage => {
  const bytes = new Uint8Array(payload.length + 5)
  bytes[0] = 0x64
  new DataView(bytes.buffer).setInt32(1, payload.length + 4)
  bytes.set(payload, 5)
  return { _tag: "CopyData", bytes, offset: 0, end: bytes.length, count: 1 }
}

/** Runs `script` on a connection that is ready, and records it. */
const session =
  (script: (wire: Wire, target: Target) => Promise<void>, parameters: Login["parameters"] = []) =>
  async (target: Target, name: string): Promise<Golden> => {
    const wire = await Wire.ready(login(target, target.user, { parameters }))
    await script(wire, target)
    await wire.close()
    return wire.golden(target.major, name)
  }

/** Records a start-up from its first packet to ReadyForQuery and Terminate. */
const startUp =
  (user: string, more: Partial<Login> = {}) =>
  async (target: Target, name: string): Promise<Golden> => {
    const wire = await Wire.open(target)
    await wire.startUp(login(target, user, more))
    await wire.close()
    return wire.golden(target.major, name)
  }

const simpleQuery = session(async (wire) => {
  await wire.query("")
  await wire.query("SELECT 1 AS one, NULL::text AS nothing, 'pâté 😀' AS word, '{}'::int4[] AS list")
  await wire.query(
    "CREATE TEMP TABLE t (id int4 PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'a'), (2, NULL); TABLE t; ;"
  )
  await wire.query("SELECT; SELECT 1/0; SELECT 'never'")
  await wire.query("INSERT INTO t VALUES (2, 'b')")
  await wire.query("SELECT nonsense FROM t")
  await wire.query("DROP TABLE IF EXISTS missing")
  await wire.query("DO $$ BEGIN RAISE WARNING 'said' USING DETAIL = 'more', HINT = 'try', ERRCODE = '01ABC'; END $$")
  await wire.query("SET application_name TO 'renamed'")
  await wire.query("BEGIN")
  await wire.query("SELEC")
  await wire.query("SELECT 1")
  await wire.query("COMMIT")
})

const extendedQuery = session(async (wire) => {
  const table = "CREATE TEMP TABLE t AS SELECT i AS id, 'row ' || i AS name FROM generate_series(1, 5) AS i"
  wire.send(parse(table), bind(), describePortal, execute(), sync)
  await wire.until("ReadyForQuery")
  // the shape first, then values: text and binary, NULL, one format for all
  wire.send(parse("SELECT $1::int4 + 1 AS sum, $2 || '!' AS shout, $3::bytea", "s1", [0, 25]))
  wire.send({ _tag: "Describe", target: "statement", name: "s1" }, sync)
  await wire.until("ReadyForQuery")
  const values = { statement: "s1", parameterFormats: [1, 0, 1] as const }
  wire.send(bind({ ...values, parameters: [int4(41), text("å"), Uint8Array.of(0, 255)], resultFormats: [1] }))
  wire.send(describePortal, execute(), sync)
  await wire.until("ReadyForQuery")
  wire.send(bind({ ...values, parameters: [int4(-1), null, null], resultFormats: [0, 0, 1] }), execute(), sync)
  await wire.until("ReadyForQuery")
  // a portal that is read in pieces, within a transaction
  await wire.query("BEGIN")
  wire.send(parse("SELECT * FROM t ORDER BY id", "s2"), bind({ portal: "p", statement: "s2" }), execute(2, "p"))
  wire.send({ _tag: "Flush" })
  await wire.until("PortalSuspended")
  wire.send(execute(2, "p"), { _tag: "Flush" })
  await wire.until("PortalSuspended")
  wire.send(execute(2, "p"), { _tag: "Close", target: "portal", name: "p" }, sync)
  await wire.until("ReadyForQuery")
  await wire.query("COMMIT")
  wire.send(
    { _tag: "Close", target: "statement", name: "s2" },
    { _tag: "Close", target: "statement", name: "none" },
    sync
  )
  await wire.until("ReadyForQuery")
  wire.send(parse(""), bind(), describePortal, execute(), sync)
  await wire.until("ReadyForQuery")
  // what the server refuses: a statement that is not there, a value that is none, a plan that has changed
  wire.send(bind({ statement: "none" }), execute(), sync)
  await wire.until("ReadyForQuery")
  wire.send(bind({ ...values, parameterFormats: [0], parameters: [text("x"), null, null] }), execute(), sync)
  await wire.until("ReadyForQuery")
  wire.send(parse("SELECT * FROM t", "s3"), sync)
  await wire.until("ReadyForQuery")
  await wire.query("ALTER TABLE t ADD COLUMN more int4")
  wire.send(bind({ statement: "s3" }), execute(), sync)
  await wire.until("ReadyForQuery")
})

const pipeline = session(async (wire) => {
  const one = (sql: string): ReadonlyArray<FrontendMessage> => [parse(sql), bind(), describePortal, execute()]
  // three statements under one Sync, the second fails and the third is skipped; then one under its own
  wire.send(
    ...one("CREATE TEMP TABLE t (id int4)"),
    ...one("SELECT 1/0"),
    ...one("SELECT 'skipped'"),
    sync,
    ...one("SELECT to_regclass('pg_temp.t') AS rolled_back"),
    sync,
    { _tag: "Query", sql: "SELECT 'simple, behind a pipeline'" }
  )
  for (let i = 0; i < 3; i++) await wire.until("ReadyForQuery")
})

const table = "CREATE TEMP TABLE t (id int4, name text)"

const copyIn = session(async (wire) => {
  await wire.query(table)
  wire.send({ _tag: "Query", sql: "COPY t FROM STDIN" })
  await wire.until("CopyInResponse")
  wire.send(copyData(text("1\tone\n2\t\\N\n")), copyData(text("3\tthr")), copyData(text("ee\n")), { _tag: "CopyDone" })
  await wire.until("ReadyForQuery")
  // binary: signature, flags, extension; a row of two columns; the end
  const head = Uint8Array.of(0x50, 0x47, 0x43, 0x4f, 0x50, 0x59, 0x0a, 0xff, 0x0d, 0x0a, 0x00, 0, 0, 0, 0, 0, 0, 0, 0)
  const row = Uint8Array.of(0, 2, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0x66, 0x6f, 0x75, 0x72)
  const end = Uint8Array.of(0xff, 0xff)
  wire.send({ _tag: "Query", sql: "COPY t FROM STDIN (FORMAT binary)" })
  await wire.until("CopyInResponse")
  wire.send(copyData(head), copyData(row), copyData(end), { _tag: "CopyDone" })
  await wire.until("ReadyForQuery")
  // given up by the client, refused by the server, and in the extended protocol
  wire.send({ _tag: "Query", sql: "COPY t FROM STDIN" })
  await wire.until("CopyInResponse")
  wire.send(copyData(text("5\tfive\n")), { _tag: "CopyFail", reason: "changed my mind" })
  await wire.until("ReadyForQuery")
  wire.send({ _tag: "Query", sql: "COPY t FROM STDIN" })
  await wire.until("CopyInResponse")
  wire.send(copyData(text("six\tsix\n")), { _tag: "CopyDone" })
  await wire.until("ReadyForQuery")
  wire.send(parse("COPY t FROM STDIN (FORMAT csv)"), bind(), describePortal, execute(), { _tag: "Flush" })
  await wire.until("CopyInResponse")
  wire.send(copyData(text('7,"seven"\n')), { _tag: "CopyDone" }, sync)
  await wire.until("ReadyForQuery")
  await wire.query("TABLE t")
})

const copyOut = session(async (wire) => {
  await wire.query(`${table}; INSERT INTO t VALUES (1, E'tab\\tå'), (2, NULL)`)
  await wire.query("COPY t TO STDOUT")
  await wire.query("COPY t TO STDOUT (FORMAT binary)")
  await wire.query("COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT csv, HEADER)")
  await wire.query("COPY (SELECT 1 / (2 - i) FROM generate_series(1, 3) AS i) TO STDOUT")
})

const notify = session(async (wire, target) => {
  await wire.query("LISTEN here")
  // from oneself: together with the answer
  await wire.query("NOTIFY here; NOTIFY here, 'pâté'")
  // from another session: whenever it likes
  const other = await Wire.ready(login(target, target.user))
  await other.query("NOTIFY here, 'from another session'")
  await wire.until("NotificationResponse")
  await other.close()
  await wire.query("UNLISTEN *")
})

/** Both sides of a cancellation: the session that is cancelled, and the packet that does it. */
const cancel = async (target: Target): Promise<ReadonlyArray<Golden>> => {
  const wire = await Wire.open(target)
  const seen = await wire.startUp(login(target, target.user))
  const key = seen.find((message) => message._tag === "BackendKeyData")
  if (key?._tag !== "BackendKeyData") throw new Error("no BackendKeyData")
  const begin = wire.frames.length
  wire.send({ _tag: "Query", sql: "SELECT pg_sleep(60)" })
  const watch = await Wire.ready(login(target, target.user))
  const isSleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
  while (!(await watch.query(isSleeping)).some((message) => message._tag === "Rows"))
    await watch.query("SELECT pg_sleep(0.01)")
  await watch.close()
  const other = await Wire.open(target)
  other.send({ _tag: "CancelRequest", processId: key.processId, secretKey: key.secretKey })
  await wire.until("ReadyForQuery")
  await wire.query("SELECT 'still usable'")
  await wire.close()
  const packet = other.frames.map(({ bytes, direction }) => {
    const blank = bytes.slice()
    blank.fill(0, 12)
    return { direction, bytes: blank }
  })
  return [
    { major: target.major, name: "cancel", begins: "ready", frames: wire.frames.slice(begin) },
    { major: target.major, name: "cancel-request", begins: "startUp", frames: packet.slice(0, 1) }
  ]
}

const functionCall = session(async (wire) => {
  const call = (functionOid: number, ...values: ReadonlyArray<Uint8Array | null>): FrontendMessage => ({
    _tag: "FunctionCall",
    functionOid,
    argumentFormats: [1],
    arguments: values,
    resultFormat: 1
  })
  // int4abs, of a value and of NULL; a function that is not there
  wire.send(call(1397, int4(-7)))
  await wire.until("ReadyForQuery")
  wire.send(call(1397, null))
  await wire.until("ReadyForQuery")
  wire.send(call(0x7fffffff))
  await wire.until("ReadyForQuery")
})

const firstValue = (messages: ReadonlyArray<BackendMessage>, column: number, columns: number): string => {
  const rows = messages.find((message) => message._tag === "Rows")
  if (rows?._tag !== "Rows") throw new Error("no rows")
  const cursor = new RowCursor(columns)
  cursor.open(rows)
  cursor.next()
  const [start = 0, length = 0] = cursor.positions.subarray(column * 2)
  return new TextDecoder().decode(cursor.bytes.subarray(start, start + length))
}

/** Physical replication: CopyBoth, with a keepalive that was asked for. */
const replication = session(
  async (wire) => {
    const position = firstValue(await wire.query("IDENTIFY_SYSTEM"), 2, 4)
    wire.send({ _tag: "Query", sql: `START_REPLICATION PHYSICAL ${position}` })
    await wire.until("CopyBothResponse")
    // a standby's status: written, flushed, applied, clock, "answer now"
    const status = new Uint8Array(34)
    status[0] = 0x72
    status[33] = 1
    wire.send(copyData(status))
    for (let alive = false; !alive;) {
      const last = (await wire.until("CopyData")).at(-1)
      alive = last?._tag === "CopyData" && copyPayloads(last).some((payload) => payload[0] === 0x6b)
    }
    wire.send({ _tag: "CopyDone" })
    await wire.until("ReadyForQuery")
  },
  [["replication", "true"]]
)

const one =
  (name: string, capture: (target: Target, name: string) => Promise<Golden>) =>
  async (target: Target): Promise<ReadonlyArray<Golden>> => [await capture(target, name)]

/** Every session, in the order in which they are captured. */
export const sessions: ReadonlyArray<(target: Target) => Promise<ReadonlyArray<Golden>>> = [
  one("start-up-scram", startUp(roles.scram)),
  one("start-up-3.2", startUp(roles.scram, { protocolVersion: protocol32, parameters: [["_pq_.unheard_of", "1"]] })),
  one("start-up-md5", startUp(roles.md5)),
  one("start-up-cleartext", startUp(roles.cleartext)),
  one("simple-query", simpleQuery),
  one("extended-query", extendedQuery),
  one("pipeline-error", pipeline),
  one("copy-in", copyIn),
  one("copy-out", copyOut),
  one("notify", notify),
  cancel,
  one("function-call", functionCall),
  one("replication", replication)
]
