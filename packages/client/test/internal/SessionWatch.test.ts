// What counts as evidence that a session is not what it was, message by message. On real servers: ../pool/borrowers.server.test.ts.
import { assert, describe, it } from "vitest"
import { SessionWatch } from "../../src/internal/exchange/SessionWatch.ts"

const begun = (): SessionWatch => {
  const watch = new SessionWatch()
  watch.begin(
    new Map([
      ["TimeZone", "UTC"],
      ["in_hot_standby", "off"]
    ])
  )
  return watch
}

describe("a watched session", () => {
  it("is unchanged after statements whose effect ends with them", () => {
    const watch = begun()
    for (const tag of ["SELECT 1", "INSERT 0 1", "BEGIN", "COMMIT", "CREATE TABLE", "NOTIFY", "CLOSE CURSOR"]) {
      watch.completed(tag)
    }
    watch.atRest()
    assert.isUndefined(watch.evidence)
  })

  for (const tag of ["SET", "RESET", "LISTEN", "DECLARE CURSOR", "PREPARE", "LOAD", "DISCARD ALL"]) {
    it(`is changed by a statement with the tag ${tag}`, () => {
      const watch = begun()
      watch.completed(tag)
      assert.strictEqual(watch.evidence, tag)
    })
  }

  it("is changed by a reported setting that is another when no transaction is open any more", () => {
    const watch = begun()
    watch.parameter("TimeZone", "Asia/Tokyo")
    assert.isUndefined(watch.evidence, "a transaction may put it back")
    watch.atRest()
    assert.strictEqual(watch.evidence, "a new TimeZone")
  })

  it("is unchanged if a transaction has put its settings back", () => {
    const watch = begun()
    watch.parameter("TimeZone", "Asia/Tokyo")
    watch.parameter("TimeZone", "UTC")
    watch.atRest()
    assert.isUndefined(watch.evidence)
  })

  it("is unchanged by what is the server's affair", () => {
    const watch = begun()
    watch.parameter("in_hot_standby", "on")
    watch.parameter("never_reported_before", "1")
    watch.atRest()
    assert.isUndefined(watch.evidence)
  })

  it("begins anew with the settings that it has then", () => {
    const watch = begun()
    watch.expect("LISTEN")
    watch.completed("SET")
    watch.parameter("TimeZone", "Asia/Tokyo")
    assert.strictEqual(watch.evidence, "LISTEN", "the first evidence is kept")
    watch.begin(new Map([["TimeZone", "Asia/Tokyo"]]))
    watch.atRest()
    assert.isUndefined(watch.evidence)
  })

  it("remembers prepared statements until all are discarded, also those of its beginning", () => {
    const watch = new SessionWatch()
    watch.completed("PREPARE")
    watch.begin(new Map())
    assert.isTrue(watch.hasPrepared)
    watch.completed("DISCARD ALL")
    assert.isFalse(watch.hasPrepared)
    watch.completed("PREPARE")
    watch.completed("DEALLOCATE ALL")
    assert.isFalse(watch.hasPrepared)
  })
})
