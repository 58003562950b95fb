// Which connection a request is put on (design of the engine, §3 and §4): idle ones first, the last used of them; else one that serves
// others, if the statement has proved that it is quick and the connection can take it.
import { assert, describe, it } from "vitest"
import { type Request, type StubLine, StubPool } from "./stubPool.ts"

const lineOf = ({ line }: Request): StubLine => line ?? assert.fail("it has no connection")

/** One connection busy with a proven statement. */
const serving = (limits: ConstructorParameters<typeof StubPool>[0] = {}) => {
  const stub = new StubPool({ max: 2, ...limits })
  const [first] = stub.warm(1)
  if (first === undefined) return assert.fail("no connection")
  stub.prove()
  const holder = stub.shared()
  assert.strictEqual(holder.line, first)
  return { stub, line: first, holder }
}

/** Nobody gets a second connection: what cannot be shared has to wait. */
const full = (limits: ConstructorParameters<typeof StubPool>[0] = {}) => {
  const stub = new StubPool({ max: 2, ...limits })
  stub.warm(2)
  stub.prove()
  stub.exclusive()
  const shared = stub.shared()
  return { stub, line: lineOf(shared) }
}

describe("sharing connections", () => {
  it("takes the idle connection that was used last, so that the others can age out", () => {
    const stub = new StubPool({ max: 3 })
    const lines = stub.warm(3)
    const last = lines[2]
    for (let i = 0; i < 5; i++) {
      const request = stub.exclusive()
      assert.strictEqual(request.line, last)
      request.finish()
    }
  })

  it("puts a proven statement behind others of its kind while it opens a second connection", () => {
    const { line, stub } = serving()
    const second = stub.shared()
    assert.strictEqual(second.line, line)
    assert.strictEqual(line.running.length, 2)
  })

  it("lets a statement prove itself first: it runs alone, and nothing is put behind it", () => {
    const stub = new StubPool({ max: 1 })
    const two = new StubPool({ max: 2 })
    two.warm(2)
    two.prove("SELECT quick")
    two.exclusive()
    const unproven = two.shared("SELECT unknown")
    const behind = two.shared("SELECT quick")
    assert.isDefined(unproven.line)
    assert.isTrue(behind.isWaiting)
    lineOf(unproven).answer()
    assert.isDefined(behind.line)
    // with one connection there is nothing to prove: whoever waits, waits for the same
    stub.warm(1)
    const [one, other] = [stub.shared("a"), stub.shared("b")]
    assert.strictEqual(one.line, other.line)
  })

  it("P-14: puts nothing behind what has kept a connection for a beat, and finds the statement slow until 16 quick runs", () => {
    const { line, stub } = full()
    stub.clock.advance(45)
    const behind = stub.shared("SELECT other")
    assert.isTrue(behind.isWaiting)
    line.answer()
    assert.strictEqual(behind.line, line)
    line.answer()
    for (let run = 0; run < 16; run++) {
      const slow = stub.shared()
      const next = stub.shared("SELECT other")
      assert.isTrue(next.isWaiting, `after ${run} quick runs`)
      lineOf(slow).answer()
      lineOf(next).answer()
    }
    const slow = stub.shared()
    assert.strictEqual(stub.shared("SELECT other").line, slow.line, "16 quick runs are enough")
  })

  it("puts nothing at all behind a head that does not move, however quick it is itself", () => {
    const stub = new StubPool({ max: 2 })
    stub.warm(2)
    stub.prove("SELECT stuck")
    stub.prove("SELECT quick")
    stub.exclusive()
    const line = lineOf(stub.shared("SELECT stuck"))
    assert.strictEqual(stub.shared("SELECT quick").line, line)
    stub.clock.advance(45)
    const behind = stub.shared("SELECT quick")
    assert.isTrue(behind.isWaiting)
    line.answer()
    assert.strictEqual(behind.line, line, "it moves again")
  })

  it("lets those share who wait for a statement, as soon as another run has proved it", () => {
    const stub = new StubPool({ max: 2 })
    stub.warm(2)
    stub.exclusive()
    const [first, second, third] = [stub.shared(), stub.shared(), stub.shared()]
    assert.isTrue(second.isWaiting)
    lineOf(first).answer()
    assert.strictEqual(second.line, first.line)
    assert.strictEqual(third.line, first.line)
  })

  it("keeps a connection free of more than pipelineDepth requests", () => {
    const { line, stub } = full({ pipelineDepth: 3 })
    stub.shared()
    stub.shared()
    const fourth = stub.shared()
    assert.strictEqual(line.running.length, 3)
    assert.isTrue(fourth.isWaiting)
    line.answer()
    assert.strictEqual(fourth.line, line)
  })

  it("puts nothing behind 256 KiB of requests that are not answered", () => {
    const { line, stub } = full()
    line.unansweredBytes = 256 * 1024
    const behind = stub.shared()
    assert.isTrue(behind.isWaiting)
    stub.shared().finish()
    line.unansweredBytes = 100
    line.answer()
    assert.strictEqual(behind.line, line)
  })

  it("never puts anything behind an exclusive lease", () => {
    const stub = new StubPool({ max: 1 })
    stub.warm(1)
    stub.prove()
    const holder = stub.exclusive()
    const shared = stub.shared()
    assert.isTrue(shared.isWaiting)
    holder.finish()
    assert.isDefined(shared.line)
  })

  it("P-14: reserves a connection for one who needs it alone, and shared load does not keep it from him", () => {
    const { line, stub } = full()
    const waiting = stub.exclusive()
    assert.isTrue(waiting.isWaiting)
    const later = stub.shared()
    assert.isTrue(later.isWaiting, "nothing more is put on what is reserved")
    line.answer()
    assert.strictEqual(waiting.line, line)
    assert.isTrue(later.isWaiting)
    waiting.finish()
    assert.strictEqual(later.line, line)
  })

  it("opens the reservation again when the one who needed it gives up", () => {
    const { line, stub } = full()
    const waiting = stub.exclusive()
    const later = stub.shared()
    assert.isTrue(later.isWaiting)
    waiting.finish()
    assert.strictEqual(later.line, line)
  })

  it("moves what was placed and not sent when the rest of its connection is being cancelled", () => {
    const stub = new StubPool({ max: 2 })
    stub.warm(2)
    stub.prove()
    const other = stub.exclusive()
    const sent = stub.shared()
    const line = lineOf(sent)
    const unsent = stub.shared()
    assert.strictEqual(unsent.line, line)
    line.unsent = unsent
    let again: Request | undefined
    line.givenBack = ({ claim }) => {
      again = stub.shared("SELECT 1", {}, claim)
    }
    line.hold()
    stub.pool.held(line)
    assert.isTrue(again?.isWaiting, "nothing is put on a connection that is being recovered")
    other.finish()
    assert.strictEqual(again?.line, other.line)
    line.release()
    again?.line?.answer()
    assert.deepStrictEqual(stub.counts, [2, 0, 0])
  })

  it("moves nothing of one who has the connection to himself", () => {
    const stub = new StubPool({ max: 1 })
    const [line] = stub.warm(1)
    const holder = stub.exclusive()
    if (line === undefined) return assert.fail("no connection")
    line.givenBack = () => assert.fail("it was moved")
    line.unsent = holder
    line.running.push(holder)
    stub.pool.held(line)
    assert.strictEqual(holder.line, line)
  })

  it("keeps the place in the queue of a request whose connection went before anything was sent", () => {
    const stub = new StubPool({ max: 1 })
    stub.warm(1)
    const lost = stub.shared()
    const later = stub.exclusive()
    lineOf(lost).kill()
    const again = stub.shared("SELECT 1", {}, lost.claim)
    const line = stub.open()
    assert.strictEqual(again.line, line, "the one who came later waits on")
    assert.isTrue(later.isWaiting)
    line.answer()
    assert.strictEqual(later.line, line)
  })
})

describe("a session that was changed", () => {
  it("P-11: takes nothing more, drains, is reset, and the statement that did it is named", () => {
    const { line, stub } = full()
    const culprit = line.running[0]
    const second = stub.shared()
    assert.strictEqual(second.line, line)
    line.changedBy = "SET"
    line.answer()
    assert.isTrue(culprit?.ended)
    const behind = stub.shared()
    assert.isTrue(behind.isWaiting, "no placement")
    line.answer()
    assert.strictEqual(line.pending?.what, "reset")
    line.complete()
    assert.strictEqual(behind.line, line)
    assert.lengthOf(stub.warnings, 1)
    assert.match(stub.warnings[0] ?? "", /SessionChanged \(SET\) behind "SELECT 1"/)
  })

  it("P-11: by its holder is reset behind the lease, without a word", () => {
    const stub = new StubPool({ max: 1 })
    const [line] = stub.warm(1)
    const holder = stub.exclusive()
    lineOf(holder).changedBy = "SET"
    holder.finish()
    assert.strictEqual(line?.pending?.what, "reset")
    line?.complete()
    assert.deepStrictEqual(stub.counts, [1, 0, 0])
    assert.deepStrictEqual(stub.warnings, [])
  })

  it("P-12: that cannot be reset costs the connection, and the one who waits for it gets another", () => {
    const stub = new StubPool({ max: 1 })
    const [line] = stub.warm(1)
    const holder = stub.exclusive()
    const next = stub.exclusive()
    holder.finish(true)
    line?.complete(false)
    assert.isTrue(line?.destroyed)
    const fresh = stub.open()
    assert.strictEqual(next.line, fresh)
  })

  it("P-13: is reset before the hand-over: the one who waits sees nothing of it", () => {
    const stub = new StubPool({ max: 1 })
    const [line] = stub.warm(1)
    const holder = stub.exclusive()
    const next = stub.exclusive()
    holder.finish(true)
    assert.isTrue(next.isWaiting)
    line?.complete()
    assert.strictEqual(next.line, line)
  })

  it("left in a transaction is rolled back, and somebody is told", () => {
    const stub = new StubPool({ max: 1 })
    const [line] = stub.warm(1)
    const holder = stub.exclusive()
    lineOf(holder).status = "T"
    lineOf(holder).latest = { name: undefined, sql: "BEGIN", definedAt: "src/a.ts:1" }
    holder.finish()
    assert.strictEqual(line?.pending?.what, "reset")
    line?.complete()
    assert.match(stub.warnings[0] ?? "", /TransactionLeftOpen behind "BEGIN", defined at src\/a.ts:1/)
    assert.deepStrictEqual(stub.counts, [1, 0, 0])
  })
})
