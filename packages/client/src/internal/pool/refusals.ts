// Why somebody does not get a connection, as errors. What they say is collected here; when they are due is the pool's decision. The
// statement is added by whoever asked.
import { Permanent, type PoolHolder, type PostgresError, Transient } from "../../PostgresError.ts"
import type { ExchangeFailure } from "../exchange/Exchange.ts"
import { errorOfFailure } from "../failure.ts"
import type { Line, Waiter } from "../lease.ts"
import type { Member } from "./Member.ts"
import type { Place } from "./Place.ts"
import { label } from "./reports.ts"

export const notLeased = (error: PostgresError): ExchangeFailure => ({ _tag: "NotLeased", error })

/** A connection that was lost before it was used. */
export const lostAtOnce = ({ closed }: Line): PostgresError =>
  errorOfFailure(
    { _tag: "ConnectionClosed", reason: closed ?? { _tag: "Closed" }, sent: false },
    { starting: true, inTransaction: false }
  )

export const poolClosed = (): ExchangeFailure =>
  notLeased(new Permanent({ reason: { _tag: "PoolClosed" }, outcome: "NotSent" }))

export const poolSaturated = (waiting: number): ExchangeFailure =>
  notLeased(new Transient({ reason: { _tag: "PoolSaturated", waiting }, outcome: "NotSent" }))

export const poolOverloaded = (waitedMillis: number, targetMillis: number): ExchangeFailure =>
  notLeased(new Transient({ reason: { _tag: "PoolOverloaded", waitedMillis, targetMillis }, outcome: "NotSent" }))

/** What the pool looks like to somebody who waits. */
export interface PoolPicture<L extends Line> {
  readonly now: number
  readonly max: number
  readonly waiting: number
  readonly members: Iterable<Member<L>>
  readonly nameOf: (fiber: object) => string
}

const isBusy = <L extends Line>({ phase }: Member<L>): boolean =>
  phase !== "idle" && phase !== "closing" && phase !== "gone"

const keptBy: Readonly<Partial<Record<string, string>>> = {
  checking: "the pool, checking it",
  recovering: "the pool, ending what was interrupted",
  resetting: "the pool, resetting the session"
}

const holderOf = <L extends Line>(
  member: Member<L>,
  { nameOf, now }: PoolPicture<L>,
  { fiber }: Waiter<L>
): PoolHolder => {
  const place = member.holder ?? member.shares.head
  const owner = place?.waiter.fiber
  const running = member.holder === undefined ? place?.waiter.statement : member.line.latest
  return {
    fiber: owner === undefined ? (keptBy[member.phase] ?? "a fiber that has ended") : nameOf(owner),
    doing: member.line.inFlight === 0 ? undefined : label(running),
    heldMillis: Math.max(0, Math.round(now - (member.busySince ?? now))),
    own: fiber !== undefined && fiber === member.holder?.waiter.fiber
  }
}

export const poolTimeout = <L extends Line>(
  place: Place<L>,
  picture: PoolPicture<L>,
  lastConnectError: PostgresError | undefined
): ExchangeFailure => {
  const busy = [...picture.members].filter(isBusy)
  const holders = busy
    .map((member) => holderOf(member, picture, place.waiter))
    .sort((one, other) => other.heldMillis - one.heldMillis)
  return notLeased(
    new Transient({
      reason: {
        _tag: "PoolTimeout",
        waitedMillis: Math.round(picture.now - place.since),
        busy: busy.length,
        max: picture.max,
        waiting: picture.waiting,
        longest: holders[0]?.doing,
        holders,
        lastConnectError
      },
      outcome: "NotSent",
      cause: lastConnectError
    })
  )
}

/**
 * Every connection is held by a fiber that waits here itself, the newcomer included: nobody will ever release one. `undefined` if
 * somebody may.
 */
export const poolDeadlock = <L extends Line>(
  newcomer: Waiter<L>,
  picture: PoolPicture<L>,
  isWaiting: (fiber: object) => boolean
): ExchangeFailure | undefined => {
  const chain: Array<string> = []
  for (const { holder, phase } of picture.members) {
    const fiber = holder?.waiter.fiber
    if (phase !== "leased" || fiber === undefined) return undefined
    if (fiber !== newcomer.fiber && !isWaiting(fiber)) return undefined
    const self = fiber === newcomer.fiber ? ", the fiber that asks" : ""
    chain.push(`${picture.nameOf(fiber)} holds a connection and waits for another${self}`)
  }
  return chain.length === 0
    ? undefined
    : notLeased(new Permanent({ reason: { _tag: "PoolDeadlock", chain }, outcome: "NotSent" }))
}
