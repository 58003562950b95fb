// Which connections nothing more is put on, because somebody needs one alone: as many as wait for that, those with the fewest requests
// first. Without it shared load would keep every connection busy for ever, and transactions would starve (design of the engine, §4).
import type { Line } from "../lease.ts"
import type { Member } from "./Member.ts"

export class Reservations<L extends Line> {
  /** connections that are promised */
  size = 0

  private readonly members: Iterable<Member<L>>
  constructor(members: Iterable<Member<L>>) {
    this.members = members
  }

  /** Reserves or gives back until so many are promised, as far as there are any. True: somebody may share again. */
  adjust(needed: number): boolean {
    while (this.size < needed) {
      const member = this.fewest()
      if (member === undefined) return false
      member.reserved = true
      this.size++
    }
    if (this.size === needed) return false
    for (const member of this.members) {
      if (this.size === needed) break
      this.giveBack(member)
    }
    return true
  }

  giveBack(member: Member<L>): void {
    if (!member.reserved) return
    member.reserved = false
    this.size--
  }

  private fewest(): Member<L> | undefined {
    let found: Member<L> | undefined
    for (const member of this.members) {
      if (member.phase !== "serving" || member.reserved || member.retired) continue
      if (found === undefined || member.shares.size < found.shares.size) found = member
    }
    return found
  }
}
