// Has a statement changed the session beyond itself? Evidence from what the server says without being asked: command tags, and reported
// settings that are no longer what they were. A function that changes the session by stealth is not seen here (design of the engine, §3).

/** Tags of statements whose effect outlives their transaction; `SET LOCAL` says SET, too: then a reset too many. */
const lastingTags = new Set(["SET", "RESET", "LISTEN", "DECLARE CURSOR", "PREPARE", "LOAD", "DISCARD ALL"])

/** The server's own affair, whatever the session does. */
const notOfTheSession = new Set(["in_hot_standby", "server_version"])

export class SessionWatch {
  /** what of a statement told that the session is not what it was; `undefined`: nothing did */
  evidence: string | undefined = undefined
  /** there are statements prepared by `PREPARE`, maybe the settings' own: the usual reset keeps those */
  hasPrepared = false
  private baseline: ReadonlyMap<string, string> = new Map()
  /** reported settings that differ from the baseline; a transaction may put them back */
  private readonly drifted = new Set<string>()

  /** The session is as it ought to be, and these are its reported settings. */
  begin(parameters: ReadonlyMap<string, string>): void {
    this.baseline = new Map(parameters)
    this.drifted.clear()
    this.evidence = undefined
  }

  /** Something is about to be sent that changes the session by its own words. */
  expect(word: string): void {
    this.evidence ??= word
  }

  completed(tag: string): void {
    if (tag === "DISCARD ALL" || tag === "DEALLOCATE ALL") this.hasPrepared = false
    if (!lastingTags.has(tag)) return
    this.evidence ??= tag
    if (tag === "PREPARE") this.hasPrepared = true
  }

  parameter(name: string, value: string): void {
    if (notOfTheSession.has(name)) return
    const before = this.baseline.get(name)
    if (before === undefined || before === value) this.drifted.delete(name)
    else this.drifted.add(name)
  }

  /** No transaction is open: what differs now stays different. */
  atRest(): void {
    if (this.drifted.size === 0) return
    const [name] = this.drifted
    this.evidence ??= `a new ${name}`
  }
}
