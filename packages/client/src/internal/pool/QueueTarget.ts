// Sheds load when the queue does not get shorter: if even the luckiest request of two seconds waited longer than the target, those that
// waited twice as long are refused at their turn. After CoDel, as db_connection does it (DBConnection.ConnectionPool).

/** milliseconds */
const interval = 2_000

export class QueueTarget {
  private shortest = Number.POSITIVE_INFINITY
  private intervalEnd = Number.NEGATIVE_INFINITY
  private overloaded = false

  /** milliseconds */
  readonly target: number
  constructor(target: number) {
    this.target = target
  }

  /** A request had not to wait. */
  placedAtOnce(): void {
    this.shortest = 0
  }

  /** Somebody's turn has come after so long: is he to be refused? */
  sheds(now: number, waited: number): boolean {
    if (now >= this.intervalEnd) {
      this.overloaded = Number.isFinite(this.shortest) && this.shortest > this.target
      this.shortest = Number.POSITIVE_INFINITY
      this.intervalEnd = now + interval
    }
    this.shortest = Math.min(this.shortest, waited)
    return this.overloaded && waited > 2 * this.target
  }
}
