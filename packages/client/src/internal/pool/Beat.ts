// Notices what takes long, without a clock per request: every 20 ms, while shared requests are in flight, it looks who is still at the head.
// A head that was there at the beat before makes its connection unfit to share and its statement slow.
import type { Line } from "../lease.ts"
import type { Members } from "./Members.ts"
import type { PoolPorts } from "./PoolPorts.ts"
import type { Waiting } from "./Waiting.ts"

/** milliseconds; ten times a usual statement */
const interval = 20

export interface BeatParts<L extends Line> {
  readonly members: Members<L>
  readonly ports: PoolPorts<L>
  readonly waiting: Waiting<L>
}

export class Beat<L extends Line> {
  private cancel: (() => void) | undefined = undefined

  private readonly ports: PoolPorts<L>
  private readonly members: Members<L>
  private readonly waiting: Waiting<L>
  private readonly taken: () => void
  /** `taken` follows each beat. */
  constructor({ members, ports, waiting }: BeatParts<L>, taken: () => void) {
    this.ports = ports
    this.members = members
    this.waiting = waiting
    this.taken = taken
  }

  /** Something is in flight. Nothing happens if it runs already. */
  start(): void {
    this.cancel ??= this.ports.schedule(interval, () => {
      this.cancel = undefined
      if (this.take()) this.start()
      this.taken()
    })
  }

  stop(): void {
    this.cancel?.()
    this.cancel = undefined
  }

  /** True while anything is in flight. */
  private take(): boolean {
    let busy = false
    const now = this.ports.now()
    for (const member of this.members.all) {
      const { head } = member.shares
      if (head === undefined) continue
      busy = true
      member.stalled = member.headAtBeat === head
      if (!member.stalled) {
        member.headAtBeat = head
        member.busySince = now
      } else if (!head.wasSlow && head.proof !== undefined) {
        head.wasSlow = true
        this.waiting.wasSlow(head.proof)
      }
    }
    return busy
  }
}
