// What is known about statements: what the server said they are (per database), and which of them a connection's server holds under a
// name (per connection). Both forget the least recently used. Effect-free; nothing here talks to anybody.
import type { TypeRegistry } from "@pgfx/codecs"
import type { ColumnDescription } from "@pgfx/protocol"
import { Lru } from "./Lru.ts"

/** What Describe(statement) said. */
export interface Description {
  /** the server-side name, the same on every connection */
  readonly name: string
  readonly parameterTypes: ReadonlyArray<number>
  /** absent: returns no rows */
  readonly columns: ReadonlyArray<ColumnDescription> | undefined
  /** the registry that was found to know all of its types */
  completeIn: TypeRegistry | undefined
}

const any = (): boolean => true
const isReady = (state: State): boolean => state === "ready"

/** So many times a session that had forgotten a statement has forgotten it again before it is known that sessions are not kept for us. */
const refusalsUntilUnnamed = 2

/** Descriptions by what a statement is known by, its text and the types it declares; for all connections to one database. */
export class Descriptions {
  private readonly known = new Lru<string, Description>()
  private refusals = 0

  private readonly limit: number
  private readonly unnamed: () => void
  /** `unnamed`: told once, when statements get names no longer */
  constructor(limit: number, unnamed: () => void = () => undefined) {
    this.limit = limit
    this.unnamed = unnamed
  }

  /**
   * False: a session is another one's from one transaction to the next, as behind a pooler that knows nothing of prepared statements. What is sent
   * then has no name, and all of it is in one group.
   */
  get mayName(): boolean {
    return this.refusals < refusalsUntilUnnamed
  }

  /** A statement that a session had been given anew was not there, or was there before it was given. */
  refusedAnew(): void {
    if (++this.refusals === refusalsUntilUnnamed) this.unnamed()
  }

  get(identity: string): Description | undefined {
    return this.known.get(identity)
  }
  /** without counting as a use */
  has(identity: string): boolean {
    return this.known.peek(identity) !== undefined
  }
  set(identity: string, described: Omit<Description, "completeIn">): Description {
    const description = { ...described, completeIn: undefined }
    this.known.set(identity, description)
    this.known.shrink(this.limit, any)
    return description
  }
  forget(identity: string): void {
    this.known.delete(identity)
  }
  get size(): number {
    return this.known.size
  }
}

/** `parsing`: Parse was written, its answer is not there yet. Requests that Bind to the name are written behind it. */
type State = "parsing" | "ready"

/** The named statements of one connection. `limit` 0: none are named. */
export class PreparedStatements {
  private readonly states = new Lru<string, State>()
  /** what the server may still hold under names we no longer use; closing what is not there is no error */
  private doubtful: Array<string> = []
  /** given to the server since it had forgotten one: a program may have it forget all of them, but hardly twice */
  private readonly anew = new Set<string>()
  private hasForgotten = false
  readonly limit: number
  constructor(limit: number) {
    this.limit = limit
  }
  /** The server has it, or will have it before anything written from now on. */
  has(name: string): boolean {
    return this.states.get(name) !== undefined
  }
  /** Parse is about to be written. Answers the names that are to be closed in front of it. */
  begin(name: string): ReadonlyArray<string> {
    this.states.set(name, "parsing")
    if (this.hasForgotten) this.anew.add(name)
    const evicted = [...this.doubtful, ...this.states.shrink(this.limit, isReady)]
    for (const each of evicted) if (each !== name) this.anew.delete(each)
    this.doubtful = []
    return evicted
  }
  /** What became of that Parse. */
  end(name: string, parsed: boolean): void {
    if (this.states.peek(name) !== "parsing") return
    if (parsed) this.states.set(name, "ready")
    else this.states.delete(name)
  }
  /** The server refused it as out of date. It is closed in front of the next Parse, which may be its own. */
  forget(name: string): void {
    this.states.delete(name)
    this.doubtful.push(name)
  }
  /** The server does not hold it. True: it had been given it after it had forgotten one before. */
  lost(name: string): boolean {
    const isAnew = this.anew.delete(name)
    this.hasForgotten = true
    this.forget(name)
    return isAnew
  }
  /** DISCARD ALL, DEALLOCATE ALL: the server holds none any more. */
  clear(): void {
    this.anew.clear()
    this.states.clear()
  }
  get size(): number {
    return this.states.size
  }
}
