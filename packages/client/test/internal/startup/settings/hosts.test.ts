import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Settings } from "../../../../src/Settings.ts"
import { type Environment, refused, refusedIn, resolveIn } from "./resolving.ts"

const hostsOf = (settings: Settings, environment: Environment = {}) =>
  Effect.map(resolveIn(environment, settings), ({ hosts }) =>
    hosts.map(({ address, kind, name, port }) =>
      name === address ? `${kind} ${name} ${port}` : `${kind} ${name}=${address} ${port}`
    )
  )

const url = (text: string): Settings => ({ url: Redacted.make(text) })

describe("hosts", () => {
  it.effect("is localhost at 5432 if nobody says anything", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* hostsOf({}), ["tcp localhost 5432"])
      assert.deepStrictEqual(yield* hostsOf(url("postgres:///db")), ["tcp localhost 5432"])
      assert.deepStrictEqual(yield* hostsOf(url("host='' port=''")), ["tcp localhost 5432"])
    })
  )

  it.effect("pairs hosts with ports", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* hostsOf(url("postgres://a:1,b,[::1]:3,:4/db")), [
        "tcp a 1",
        "tcp b 5432",
        "tcp ::1 3",
        "tcp localhost 4"
      ])
      assert.deepStrictEqual(yield* hostsOf(url("host=a,b port=7")), ["tcp a 7", "tcp b 7"])
      assert.deepStrictEqual(yield* hostsOf(url("host=a,b port=7,")), ["tcp a 7", "tcp b 5432"])
      assert.deepStrictEqual(yield* hostsOf({}, { PGHOST: "a,b", PGPORT: "1,2" }), ["tcp a 1", "tcp b 2"])
    })
  )

  it.effect("dials hostaddr and keeps the name", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* hostsOf(url("host=a,b hostaddr=10.0.0.1,")), ["tcp a=10.0.0.1 5432", "tcp b 5432"])
      assert.deepStrictEqual(yield* hostsOf(url("hostaddr=10.0.0.1,::1")), ["tcp 10.0.0.1 5432", "tcp ::1 5432"])
      assert.deepStrictEqual(yield* hostsOf(url("host=/tmp hostaddr=10.0.0.1")), ["tcp 10.0.0.1 5432"])
    })
  )

  it.effect("takes a directory for a Unix socket", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* hostsOf(url("postgres://%2Fvar%2Frun:5433/db")), ["unix /var/run 5433"])
      assert.deepStrictEqual(yield* hostsOf(url("postgres:///db?host=/tmp")), ["unix /tmp 5432"])
      assert.deepStrictEqual(yield* hostsOf({ host: "/tmp" }), ["unix /tmp 5432"])
      assert.deepStrictEqual(yield* hostsOf(url("host=/tmp,b")), ["unix /tmp 5432", "tcp b 5432"])
      assert.include(yield* refused({ host: `/${"n".repeat(93)}` }), "socket path")
    })
  )

  it.effect("has one typed form for several", () =>
    Effect.gen(function* () {
      const hosts = [{ host: "a", port: 1 }, { host: "b", hostaddr: "10.0.0.1" }, {}]
      const expected = ["tcp a 1", "tcp b=10.0.0.1 5432", "tcp localhost 5432"]
      assert.deepStrictEqual(yield* hostsOf({ hosts }), expected)
      assert.deepStrictEqual(
        yield* hostsOf({ hosts, ...url("postgres://x:9,y:8/") }, { PGHOSTADDR: "1.2.3.4" }),
        expected
      )
      assert.match(yield* refused({ hosts, port: 1 }), /^hosts: cannot be combined/)
      assert.match(yield* refused({ hosts: [] }), /^hosts: must not be empty/)
      assert.match(yield* refused({ host: "a,b" }), /^host: must be one host; several are written in `hosts`/)
      assert.match(yield* refused({ hosts: [{ host: "a" }, { host: "a,b" }] }), /^hosts\[1\]\.host: must be one host/)
      assert.match(
        yield* refused({ hosts: [{ port: 0 }] }),
        /^hosts\[0\]\.port: must be a whole number from 1 to 65535/
      )
      assert.match(yield* refused({ hosts: [{ hostaddr: "b" }] }), /^hosts\[0\]\.hostaddr: must be a numeric address/)
    })
  )

  it.effect("refuses lists of different lengths, and says where they stand", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refusedIn({ PGPORT: "1,2,3" }, url("host=a,b")),
        "port: PGPORT in the environment has 3 ports for 2 hosts"
      )
      assert.strictEqual(
        yield* refused(url("host=a hostaddr=1.1.1.1,2.2.2.2")),
        'hostaddr: "hostaddr" in the connection string has 2 addresses for 1 host'
      )
    })
  )

  it.effect("refuses what is no host, address or port, without repeating it", () =>
    Effect.gen(function* () {
      // a password with an unescaped slash: the URI's port is the rest of it
      const issue = yield* refused(url("postgres://user:top/secret@host/db"))
      assert.strictEqual(issue, 'port: "port" in the connection string must be a whole number from 1 to 65535')
      assert.match(
        yield* refused(url("postgres://user:to@p:secret@host/db")),
        /65535; an "@" in user or password is written %40$/
      )
      assert.include(yield* refused(url("host=[::1]")), "brackets")
      assert.include(yield* refused({ hostaddr: "example.com" }), "hostaddr: its value must be a numeric address")
      for (const port of [0, 65_536, 1.5, Number.NaN, -1])
        assert.match(yield* refused({ port }), /^port: its value must be/)
    })
  )
})
