// Which statements are quick enough to share a connection. A statement proves itself: the first run is alone; one that kept a connection
// for a whole beat is slow until it was quick 16 times in a row. No clock is read per request (design of the engine, §3).

/** After a slow run; one lucky run says little. */
const quickRunsAfterSlow = 16

/** As many texts as a program can reasonably have; the oldest is forgotten and has to prove itself again. */
const statementsKept = 4_096

export interface Proof {
  /** 0: proven */
  quickRunsNeeded: number
  /** places in the pool's queues */
  waiting: number
}

export class StatementProofs {
  private readonly bySql = new Map<string, Proof>()

  /** Without a text: never proven. */
  of(sql: string | undefined): Proof {
    if (sql === undefined) return { quickRunsNeeded: Number.POSITIVE_INFINITY, waiting: 0 }
    const known = this.bySql.get(sql)
    if (known !== undefined) return known
    const proof: Proof = { quickRunsNeeded: 1, waiting: 0 }
    this.bySql.set(sql, proof)
    if (this.bySql.size > statementsKept) {
      const oldest = this.bySql.keys().next()
      if (oldest.done !== true) this.bySql.delete(oldest.value)
    }
    return proof
  }
}

/** A run ended within a beat. True: with it the statement is proven. */
export const wasQuick = (proof: Proof): boolean => {
  if (proof.quickRunsNeeded === 0) return false
  proof.quickRunsNeeded--
  return proof.quickRunsNeeded === 0
}

/** A run was at the head for a whole beat. True: it had been proven before. */
export const wasSlow = (proof: Proof): boolean => {
  const wasProven = proof.quickRunsNeeded === 0
  proof.quickRunsNeeded = Math.max(proof.quickRunsNeeded, quickRunsAfterSlow)
  return wasProven
}
