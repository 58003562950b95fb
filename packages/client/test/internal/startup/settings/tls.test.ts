import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import type { TlsMaterial } from "../../../../src/internal/startup/settings/ResolvedSettings.ts"
import type { Settings } from "../../../../src/Settings.ts"
import { makeHome, pem, withFiles } from "./files.ts"
import { type Environment, refused, refusedIn, resolved, resolveIn } from "./resolving.ts"

const remote: Settings = { host: "db.example.com" }

const shown = ({ key, passphrase, ...rest }: TlsMaterial) => ({
  ...rest,
  key: key === undefined ? undefined : Redacted.value(key),
  passphrase: passphrase === undefined ? undefined : Redacted.value(passphrase)
})

const materialIn = (environment: Environment, settings: Settings) =>
  Effect.gen(function* () {
    const { tls } = yield* resolveIn(environment, { ...remote, ...settings })
    return shown(yield* tls.material)
  })

const none = { roots: undefined, crl: undefined, certificate: undefined, key: undefined, passphrase: undefined }
const root = pem("CERTIFICATE")
const key = pem("PRIVATE KEY")

describe("what TLS reads", () => {
  it.effect("is nothing but the platform's roots by default", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* materialIn({}, {}), none)
      assert.deepStrictEqual(yield* materialIn({ HOME: "/home" }, { sslrootcert: "system" }), none)
      const { tls } = yield* resolved(remote)
      assert.include(tls, {
        negotiation: "postgres",
        sni: true,
        minVersion: "TLSv1.2",
        maxVersion: undefined,
        acceptInvalidCertificates: false
      })
    })
  )

  it.effect("is what stands in the default places of the home directory", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const environment = { HOME: home.directory }
        yield* home.write(".postgresql/root.crt", `# mine\n${root}`)
        yield* home.write(".postgresql/root.crl", pem("X509 CRL"))
        yield* home.write(".postgresql/postgresql.crt", root, 0o644)
        assert.match(yield* refusedIn(environment, remote), /^sslkey: is needed/)
        yield* home.write(".postgresql/postgresql.key", key)
        assert.deepStrictEqual(yield* materialIn(environment, { sslpassword: Redacted.make("p") }), {
          roots: `# mine\n${root}`,
          crl: pem("X509 CRL"),
          certificate: root,
          key,
          passphrase: "p"
        })
        assert.include(yield* materialIn(environment, { sslcertmode: "disable" }), {
          certificate: undefined,
          key: undefined
        })
        // nothing is read where TLS cannot happen
        yield* home.write(".postgresql/root.crt", "broken")
        assert.strictEqual((yield* resolveIn(environment, { host: "localhost" })).hosts[0]?.sslmode, "disable")
        assert.match(yield* refusedIn(environment, remote), /^sslrootcert: holds no PEM block of the kind CERTIFICATE/)
      })
    )
  )

  it.effect("is what the paths name, read anew for each attempt", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const url = Redacted.make(
          `host=db sslrootcert=${yield* home.write("ca", root)} sslcert=${yield* home.write("crt", root)} sslkey=${yield* home.write("key", key)} sslpassword=p`
        )
        const { tls } = yield* resolved({ url })
        assert.deepStrictEqual(shown(yield* tls.material), {
          roots: root,
          crl: undefined,
          certificate: root,
          key,
          passphrase: "p"
        })
        yield* home.write("ca", `${root}${root}`)
        assert.strictEqual((yield* tls.material).roots, `${root}${root}`)
      })
    )
  )

  it.effect("is read once for the attempts of a second, unless there is a private key in it", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const { tls } = yield* resolved({ url: Redacted.make(`host=db sslrootcert=${yield* home.write("ca", root)}`) })
        yield* home.write("ca", `${root}${root}`)
        assert.strictEqual((yield* tls.material).roots, root)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* tls.material).roots, `${root}${root}`)
      })
    )
  )

  it.effect("may be written as PEM instead of a path; a key then is Redacted", () =>
    Effect.gen(function* () {
      const settings = { sslrootcert: root, sslcert: root, sslkey: Redacted.make(key), sslcrl: pem("X509 CRL") }
      assert.deepStrictEqual(yield* materialIn({}, settings), {
        roots: root,
        crl: pem("X509 CRL"),
        certificate: root,
        key,
        passphrase: undefined
      })
      assert.match(
        yield* refused({ ...remote, sslcert: root, sslkey: key }),
        /^sslkey: its value is a key itself: a secret is given as Redacted/
      )
      assert.match(yield* refused({ ...remote, sslcert: root, sslkey: Redacted.make("x") }), /^sslkey: holds no PEM/)
      assert.match(yield* refused({ ...remote, sslcert: root }), /^sslkey: is needed/)
      assert.match(
        yield* refused({ ...remote, sslkey: Redacted.make(key) }),
        /^sslkey: is of no use without a certificate/
      )
    })
  )

  it.effect("must be there, be PEM and, for a key, be the owner's alone", () =>
    withFiles(
      Effect.gen(function* () {
        const home = yield* makeHome
        const missing = `${home.directory}/none`
        assert.match(yield* refused({ ...remote, sslrootcert: missing }), /^sslrootcert: .*NotFound/)
        const sslcert = yield* home.write("crt", root)
        assert.match(
          yield* refused({ ...remote, sslrootcert: yield* home.write("der", "0\x82") }),
          /^sslrootcert: holds no PEM/
        )
        assert.match(
          yield* refused({ ...remote, sslcert, sslkey: yield* home.write("key", key, 0o644) }),
          /^sslkey: its file is accessible to group or world/
        )
        assert.match(
          yield* refused({ ...remote, sslcert, sslkey: yield* home.write("key", key, 0o660) }),
          /^sslkey: its file is accessible to group or world/
        )
        yield* resolved({ ...remote, sslcert, sslkey: yield* home.write("key", key, 0o400) })
      })
    )
  )

  it.effect("needs a FileSystem for a path", () =>
    Effect.gen(function* () {
      assert.match(yield* refused({ ...remote, sslrootcert: "/ca" }), /^sslrootcert: .*no FileSystem/)
    })
  )
})

describe("what TLS is told", () => {
  it.effect("has versions and negotiation in libpq's words", () =>
    Effect.gen(function* () {
      const url = Redacted.make("host=db sslnegotiation=direct ssl_min_protocol_version=tlsv1.3 sslsni=0")
      assert.include((yield* resolved({ url })).tls, { negotiation: "direct", minVersion: "TLSv1.3", sni: false })
      assert.match(
        yield* refused({ sslMinProtocolVersion: "TLSv1.3", sslMaxProtocolVersion: "TLSv1.2" }),
        /^sslMinProtocolVersion: must not be above/
      )
      assert.match(
        yield* refused({ url: Redacted.make("ssl_max_protocol_version=TLSv1.1") }),
        /^sslMaxProtocolVersion: .*must be "TLSv1.2" or "TLSv1.3"/
      )
    })
  )

  it.effect("accepts invalid certificates only by a typed word", () =>
    Effect.gen(function* () {
      const { tls } = yield* resolved({ ...remote, acceptInvalidCertificatesForDevelopment: true })
      assert.isTrue(tls.acceptInvalidCertificates)
      assert.match(yield* refused({ url: Redacted.make("acceptInvalidCertificatesForDevelopment=true") }), /^url: /)
    })
  )
})
