// What is known about statements: what the server said they are (per database), and which of them a connection's server holds under a
// name (per connection). Both forget the least recently used. Effect-free; nothing here talks to anybody.
import { type ColumnDescription, statementName } from "@pgfx/protocol"

/** What Describe(statement) said. */
export interface Description {
  /** the server-side name, the same on every connection */
  readonly name: string
  readonly parameterTypes: ReadonlyArray<number>
  /** absent: returns no rows */
  readonly columns: ReadonlyArray<ColumnDescription> | undefined
}

/** A Map remembers the order of insertion: whoever is used is taken out and put back, the first is the oldest. */
const touch = <K, V>(map: Map<K, V>, key: K): V | undefined => {
  const value = map.get(key)
  if (value === undefined) return undefined
  map.delete(key)
  map.set(key, value)
  return value
}

/** Descriptions by SQL text, for all connections to one database. */
export class Descriptions {
  private readonly bySql = new Map<string, Description>()
  private readonly limit: number
  constructor(limit: number) {
    this.limit = limit
  }
  get(sql: string): Description | undefined {
    return touch(this.bySql, sql)
  }
  set(sql: string, described: Omit<Description, "name">): Description {
    const description = { name: statementName(sql), ...described }
    this.bySql.delete(sql)
    this.bySql.set(sql, description)
    if (this.bySql.size > this.limit) {
      const oldest = this.bySql.keys().next()
      if (oldest.done !== true) this.bySql.delete(oldest.value)
    }
    return description
  }
  forget(sql: string): void {
    this.bySql.delete(sql)
  }
  get size(): number {
    return this.bySql.size
  }
}

/** `parsing`: Parse was written, its answer is not there yet. Requests that Bind to the name are written behind it. */
type State = "parsing" | "ready"

/** The named statements of one connection. `limit` 0: none are named. */
export class PreparedStatements {
  private readonly states = new Map<string, State>()
  /** what the server may still hold under names we no longer use; closing what is not there is no error */
  private doubtful: Array<string> = []
  readonly limit: number
  constructor(limit: number) {
    this.limit = limit
  }
  /** The server has it, or will have it before anything written from now on. */
  has(name: string): boolean {
    return touch(this.states, name) !== undefined
  }
  /** Parse is about to be written. Answers the names that are to be closed in front of it. */
  begin(name: string): ReadonlyArray<string> {
    this.states.set(name, "parsing")
    const evicted = this.doubtful
    this.doubtful = []
    for (const [other, state] of this.states) {
      if (this.states.size <= this.limit) break
      if (state !== "ready") continue
      this.states.delete(other)
      evicted.push(other)
    }
    return evicted
  }
  /** What became of that Parse. */
  end(name: string, parsed: boolean): void {
    if (this.states.get(name) !== "parsing") return
    if (parsed) this.states.set(name, "ready")
    else this.states.delete(name)
  }
  /** The server refused it as out of date. It is closed in front of the next Parse, which may be its own. */
  forget(name: string): void {
    this.states.delete(name)
    this.doubtful.push(name)
  }
  /** DISCARD ALL, DEALLOCATE ALL: the server holds none any more. */
  clear(): void {
    this.states.clear()
  }
  get size(): number {
    return this.states.size
  }
}
