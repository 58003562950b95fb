// A stand-in for a pooler in transaction mode, as PgBouncer is without support for prepared statements (before 1.21, or `max_prepared_statements`
// 0): clients share a few sessions, each has one from its first frame to the ReadyForQuery with which nothing is open, and the next time another.
// It asks nobody for a password and forwards frames as they are; it has no TLS, no reset query and no COPY that goes on behind a Sync.
import * as Net from "node:net"

export interface TransactionPoolerOptions {
  /** a server that takes this user without a password */
  readonly target: { readonly host: string; readonly port: number; readonly user: string; readonly database: string }
  /** sessions that are shared */
  readonly sessions: number
}

export interface TransactionPooler {
  readonly host: string
  readonly port: number
  /** PAUSE: whoever has a session keeps it to the end of its transaction, and nobody gets one. */
  readonly pause: () => void
  readonly resume: () => void
  /** Loses its sessions: whoever has one is told as PgBouncer tells it, and sent away. */
  readonly crash: () => void
  /** Sends everybody away, and is there again at once, as after a restart. */
  readonly restart: () => void
  readonly close: () => Promise<void>
}

/** Complete frames of what has come so far. `headless`: the first has no type byte. */
class Frames {
  private held = Buffer.alloc(0)
  private headless: boolean
  constructor(headless: boolean) {
    this.headless = headless
  }
  push(chunk: Buffer): ReadonlyArray<Buffer> {
    this.held = Buffer.concat([this.held, chunk])
    const frames: Array<Buffer> = []
    for (;;) {
      const header = this.headless ? 4 : 5
      if (this.held.length < header) return frames
      const size = this.held.readInt32BE(header - 4) + header - 4
      if (this.held.length < size) return frames
      const frame = this.held.subarray(0, size)
      this.held = this.held.subarray(size)
      if (this.headless && size !== 8) this.headless = false
      frames.push(frame)
    }
  }
}

const frame = (type: string, body: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), length, body])
}

const startup = (user: string, database: string): Buffer => {
  const body = Buffer.from(`\0\x03\0\0user\0${user}\0database\0${database}\0\0`, "latin1")
  return frame("", body)
}

const fatal = (code: string, message: string): Buffer =>
  frame("E", Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`))

const typeOf = (bytes: Buffer): string => String.fromCharCode(bytes[0] ?? 0)
const idle = "I".charCodeAt(0)

interface Client {
  readonly socket: Net.Socket
  readonly waiting: Array<Buffer>
  session: Session | undefined
}

interface Session {
  readonly socket: Net.Socket
  client: Client | undefined
  /** Sync and Query frames that have no ReadyForQuery yet */
  unanswered: number
}

class Pooler {
  readonly sockets = new Set<Net.Socket>()
  private readonly clients = new Set<Client>()
  /** least recently used first: nobody gets the one he had, if there is another */
  private free: Array<Session> = []
  private sessions: ReadonlyArray<Session> = []
  private parameters = Buffer.alloc(0)
  private paused = false

  private readonly options: TransactionPoolerOptions
  constructor(options: TransactionPoolerOptions) {
    this.options = options
  }

  /** Opens its sessions. */
  open(): void {
    this.sessions = Array.from({ length: this.options.sessions }, () => this.openSession())
  }

  setPaused(paused: boolean): void {
    this.paused = paused
    this.serve()
  }

  lose(code: string, message: string): void {
    for (const client of this.clients) client.socket.end(fatal(code, message))
    this.clients.clear()
    for (const { socket } of this.sessions) socket.destroy()
    this.free = []
    this.open()
  }

  readonly accept = (socket: Net.Socket): void => {
    this.keep(socket)
    const client: Client = { socket, waiting: [], session: undefined }
    const frames = new Frames(true)
    let started = false
    socket.on("data", (chunk: Buffer) => {
      for (const bytes of frames.push(chunk)) {
        if (started) this.said(client, bytes)
        else if (bytes.length === 8) socket.write("N")
        // version 3: a cancel has another number, and is nobody's here
        else if (bytes.readInt16BE(4) !== 3) socket.end()
        else {
          started = true
          this.clients.add(client)
          socket.write(Buffer.concat([frame("R", Buffer.alloc(4)), this.parameters]))
          socket.write(Buffer.concat([frame("K", Buffer.alloc(8, 1)), frame("Z", Buffer.from("I"))]))
        }
      }
    })
    socket.once("close", () => {
      this.clients.delete(client)
      // as PgBouncer: a session whose client went in the middle of something is not used again
      if (client.session !== undefined) this.replace(client.session)
    })
  }

  private keep(socket: Net.Socket): Net.Socket {
    this.sockets.add(socket)
    return socket.on("error", () => undefined).once("close", () => this.sockets.delete(socket))
  }

  private said(client: Client, bytes: Buffer): void {
    if (typeOf(bytes) === "X") return void client.socket.end()
    client.waiting.push(bytes)
    this.serve()
  }

  private serve(): void {
    for (const client of this.clients) {
      if (client.waiting.length === 0) continue
      if (client.session === undefined && !this.paused) {
        client.session = this.free.shift()
        if (client.session !== undefined) client.session.client = client
      }
      const { session } = client
      if (session === undefined) continue
      for (const bytes of client.waiting.splice(0)) {
        if (typeOf(bytes) === "S" || typeOf(bytes) === "Q") session.unanswered++
        session.socket.write(bytes)
      }
    }
  }

  private openSession(): Session {
    const { database, host, port, user } = this.options.target
    const socket = this.keep(Net.connect({ host, port, noDelay: true }))
    const session: Session = { socket, client: undefined, unanswered: 0 }
    const frames = new Frames(false)
    const parameters: Array<Buffer> = []
    let started = false
    socket.once("connect", () => socket.write(startup(user, database)))
    socket.on("data", (chunk: Buffer) => {
      for (const bytes of frames.push(chunk)) {
        if (!started) {
          if (typeOf(bytes) === "S") parameters.push(bytes)
          if (typeOf(bytes) !== "Z") continue
          started = true
          this.parameters = Buffer.concat(parameters)
          this.free.push(session)
          this.serve()
          continue
        }
        session.client?.socket.write(bytes)
        if (typeOf(bytes) === "Z") this.answered(session, bytes[5] === idle)
      }
    })
    return session
  }

  private answered(session: Session, isIdle: boolean): void {
    session.unanswered--
    if (!isIdle || session.unanswered > 0) return
    if (session.client !== undefined) session.client.session = undefined
    session.client = undefined
    this.free.push(session)
    this.serve()
  }

  private replace(session: Session): void {
    session.client = undefined
    session.socket.destroy()
    const opened = this.openSession()
    this.sessions = this.sessions.map((each) => (each === session ? opened : each))
  }

  /** until the first client can be answered */
  get isReady(): boolean {
    return this.free.length === this.options.sessions
  }
}

/**
 * Starts it on a free port of 127.0.0.1, with its sessions open.
 *
 * @since 0.1.0
 * @category faults
 */
export const startTransactionPooler = async (options: TransactionPoolerOptions): Promise<TransactionPooler> => {
  const pooler = new Pooler(options)
  pooler.open()
  const listener = Net.createServer({ noDelay: true }, pooler.accept)
  const port = await new Promise<number>((resolve, reject) => {
    listener.once("error", reject)
    listener.listen(0, "127.0.0.1", () => {
      const address = listener.address()
      if (typeof address === "object" && address !== null) resolve(address.port)
      else reject(new Error("no port"))
    })
  })
  const end = performance.now() + 30_000
  while (!pooler.isReady) {
    if (performance.now() > end) throw new Error("the server behind the pooler does not answer")
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return {
    host: "127.0.0.1",
    port,
    pause: () => pooler.setPaused(true),
    resume: () => pooler.setPaused(false),
    crash: () => pooler.lose("08P01", "server conn crashed?"),
    restart: () => pooler.lose("57P01", "pgbouncer is shutting down"),
    close: () => {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()))
      for (const socket of pooler.sockets) socket.destroy()
      return closed
    }
  }
}
