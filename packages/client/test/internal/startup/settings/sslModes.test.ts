import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Settings } from "../../../../src/Settings.ts"
import { type Environment, refused, refusedIn, resolveIn } from "./resolving.ts"

const modeOf = (settings: Settings, environment: Environment = {}) =>
  Effect.map(resolveIn(environment, settings), ({ hosts }) => hosts.map(({ sslmode }) => sslmode).join())

const url = (text: string): Settings => ({ url: Redacted.make(text) })

describe("sslmode, where nobody wrote it", () => {
  it.effect("is verify-full for a remote host", () =>
    Effect.gen(function* () {
      for (const host of ["db.example.com", "10.0.0.1", "::2", "localhost.example.com", "0.0.0.0"]) {
        assert.strictEqual(yield* modeOf({ host }), "verify-full", host)
      }
    })
  )

  it.effect("is disable on this machine", () =>
    Effect.gen(function* () {
      for (const host of ["localhost", "127.0.0.1", "::1", "/var/run/postgresql"]) {
        assert.strictEqual(yield* modeOf({ host }), "disable", host)
      }
    })
  )

  it.effect("goes by what is dialled and by what it is called", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* modeOf({ host: "localhost", hostaddr: "203.0.113.7" }), "verify-full")
      assert.strictEqual(yield* modeOf({ host: "db.example.com", hostaddr: "127.0.0.1" }), "verify-full")
      assert.strictEqual(yield* modeOf({ host: "localhost", hostaddr: "::1" }), "disable")
      assert.strictEqual(yield* modeOf({ host: "/tmp", hostaddr: "203.0.113.7" }), "verify-full")
    })
  )

  it.effect("is decided for each host of several", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* modeOf(url("postgres://localhost,db,%2Ftmp/")), "disable,verify-full,disable")
    })
  )

  it.effect("is verify-full on this machine, too, once something about TLS is written", () =>
    Effect.gen(function* () {
      const signs = [
        "sslrootcert=system",
        "sslnegotiation=direct",
        "channel_binding=require",
        "ssl_min_protocol_version=TLSv1.3"
      ]
      for (const sign of signs) assert.strictEqual(yield* modeOf(url(`host=localhost ${sign}`)), "verify-full", sign)
      assert.strictEqual(yield* modeOf({ acceptInvalidCertificatesForDevelopment: true }), "verify-full")
      assert.strictEqual(yield* modeOf(url("host=localhost channel_binding=prefer sslsni=0")), "disable")
    })
  )

  it.effect("tells the dialler that a name which was plain by default must lead here", () =>
    Effect.gen(function* () {
      const only = (settings: Settings) => Effect.map(resolveIn({}, settings), ({ hosts }) => hosts[0]?.onlyLoopback)
      assert.isTrue(yield* only({}))
      assert.isFalse(yield* only({ sslmode: "disable" }))
      assert.isFalse(yield* only({ host: "db.example.com" }))
    })
  )

  it.effect("takes PGREQUIRESSL as the least that will do", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* modeOf(url("host=localhost,db"), { PGREQUIRESSL: "1" }), "require,verify-full")
      assert.strictEqual(yield* modeOf(url("host=localhost,db"), { PGREQUIRESSL: "0" }), "disable,verify-full")
      assert.strictEqual(yield* modeOf(url("host=db sslmode=disable"), { PGREQUIRESSL: "1" }), "disable")
    })
  )
})

describe("sslmode, written", () => {
  it.effect("holds for every host but Unix sockets", () =>
    Effect.gen(function* () {
      for (const mode of ["disable", "allow", "prefer", "require", "verify-full"]) {
        const expected = `${mode},${mode},disable`
        assert.strictEqual(yield* modeOf(url(`host=localhost,db,/tmp sslmode=${mode}`)), expected)
      }
      assert.strictEqual(yield* modeOf(url("postgres://db/?ssl=true")), "require")
    })
  )

  it.effect("is refused if misspelt, wherever it stands", () =>
    Effect.gen(function* () {
      const words = 'must be one of "disable", "allow", "prefer", "require", "verify-ca", "verify-full"'
      assert.strictEqual(yield* refused(url("sslmode=Require")), `sslmode: "sslmode" in the connection string ${words}`)
      assert.strictEqual(yield* refusedIn({ PGSSLMODE: "on" }, {}), `sslmode: PGSSLMODE in the environment ${words}`)
    })
  )

  it.effect("must be strong enough for what goes with it", () =>
    Effect.gen(function* () {
      assert.match(
        yield* refused({ sslmode: "prefer", sslnegotiation: "direct" }),
        /^sslnegotiation: .*needs the sslmode require/
      )
      assert.match(
        yield* refused({ sslmode: "verify-ca", sslrootcert: "system" }),
        /^sslrootcert: .*needs the sslmode verify-full/
      )
      assert.match(
        yield* refused({ host: "db", sslmode: "verify-ca" }),
        /^sslrootcert: is needed for the sslmode verify-ca/
      )
    })
  )
})
