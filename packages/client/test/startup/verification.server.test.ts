// What TLS proves about the server, on real servers: names, dates, chains, revocation, versions, and the binding of SCRAM to every kind
// of certificate. The matrix of modes is in tlsMatrix.server.test.ts.
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type CertificateOptions, makeAuthority, selfSigned } from "@pgfx/testing/server/certificates"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Settings } from "pgfx/Settings"
import { inject } from "vitest"
import { open } from "./opening.ts"
import { hostName, type SecureCluster, startSecureCluster } from "./secureCluster.ts"

const day = 24 * 60 * 60 * 1000
const from = (days: number): Date => new Date(Date.now() + days * day)

/** `bound`, `unbound`, or what failed. */
const outcomeOf = (settings: Settings): Effect.Effect<string> =>
  open(settings).pipe(
    Effect.map(({ channelBound }) => (channelBound ? "bound" : "unbound")),
    Effect.scoped,
    Effect.catchAll(({ outcome, reason }) => {
      assert.strictEqual(outcome, "NotSent")
      return Effect.succeed(
        reason._tag === "TlsFailed"
          ? reason.check
          : reason._tag === "AuthenticationRefused"
            ? `refused: ${reason.issue}`
            : reason._tag
      )
    })
  )

for (const { majorVersion } of inject("postgres")) {
  describe(`PostgreSQL ${majorVersion}`, () => {
    let server: SecureCluster
    beforeAll(async () => {
      server = await startSecureCluster(majorVersion)
    })
    afterAll(() => server?.cluster.stop())

    const present = (certificate: { readonly chain: string; readonly key: string }) =>
      Effect.promise(() =>
        server.cluster.reload({
          tls: {
            certificate: certificate.chain,
            key: certificate.key,
            clientAuthority: server.authority.certificate
          }
        })
      )
    const presentNew = (options: CertificateOptions = {}) => {
      const issued = server.authority.issue({ names: [hostName], ...options })
      return Effect.as(present(issued), issued)
    }
    const scrammer = (more?: Settings): Settings => server.secure("scrammer", more)

    it.live("names what is wrong with a certificate, and both names where they differ", () =>
      Effect.gen(function* () {
        const chain = "the chain of the server's certificate"
        const dates = "the validity dates of the server's certificate"

        yield* presentNew({ names: ["another.pgfx.test"] })
        const error = yield* Effect.flip(Effect.scoped(open(scrammer())))
        assert.strictEqual(error.reason._tag, "TlsFailed")
        assert.include(error.message, "the host name in the server's certificate")
        assert.include(error.message, hostName)
        assert.include(error.message, "another.pgfx.test")

        yield* presentNew({ validFrom: from(-2), validTo: from(-1) })
        assert.strictEqual(yield* outcomeOf(scrammer()), dates)
        yield* presentNew({ validFrom: from(1), validTo: from(2) })
        assert.strictEqual(yield* outcomeOf(scrammer()), dates)
        yield* present(makeAuthority().issue({ names: [hostName] }))
        assert.strictEqual(yield* outcomeOf(scrammer()), chain)
        yield* present(selfSigned({ names: [hostName] }))
        assert.strictEqual(yield* outcomeOf(scrammer()), chain)
        assert.strictEqual(
          yield* outcomeOf(scrammer({ acceptInvalidCertificatesForDevelopment: true })),
          "bound",
          "the word for development"
        )

        const intermediate = server.authority.intermediate().issue({ names: [hostName] })
        yield* present(intermediate)
        assert.strictEqual(yield* outcomeOf(scrammer()), "bound", "with the intermediate certificate")
        yield* present({ chain: intermediate.certificate, key: intermediate.key })
        assert.strictEqual(yield* outcomeOf(scrammer()), chain, "without it")

        yield* presentNew()
        assert.strictEqual(yield* outcomeOf(scrammer({ sslrootcert: "system" })), chain, "nobody's root")
        assert.strictEqual(yield* outcomeOf(scrammer()), "bound")
      })
    )

    it.live("takes a wildcard and an address for a name, and the common name only where there is no other", () =>
      Effect.gen(function* () {
        yield* presentNew({ names: ["*.pgfx.test"] })
        assert.strictEqual(yield* outcomeOf(scrammer()), "bound")
        yield* presentNew({ names: ["127.0.0.1"] })
        assert.strictEqual(yield* outcomeOf(scrammer({ host: undefined, sslmode: "verify-full" })), "bound")
        yield* presentNew({ names: [], commonName: hostName })
        assert.strictEqual(yield* outcomeOf(scrammer()), "bound")
        yield* presentNew({ names: ["another.pgfx.test"], commonName: hostName })
        assert.strictEqual(yield* outcomeOf(scrammer()), "the host name in the server's certificate")
      })
    )

    it.live("refuses a certificate that was revoked", () =>
      Effect.gen(function* () {
        const other = server.authority.issue()
        const issued = yield* presentNew()
        assert.strictEqual(yield* outcomeOf(scrammer({ sslcrl: server.authority.revoke([other]) })), "bound")
        const sslcrl = server.authority.revoke([other, issued])
        assert.strictEqual(yield* outcomeOf(scrammer({ sslcrl })), "the revocation list")
        const stale = server.authority.revoke([], from(-0.001))
        assert.strictEqual(yield* outcomeOf(scrammer({ sslcrl: stale })), "the revocation list", "a list of yesterday")
      })
    )

    it.live("binds SCRAM to the certificate, whatever it was signed with", () =>
      Effect.gen(function* () {
        const kinds = [
          { authority: makeAuthority({ key: "rsa" }), options: { key: "rsa" } },
          { authority: makeAuthority({ key: "rsa", hash: "sha512" }), options: {} },
          { authority: makeAuthority({ key: "rsa-pss" }), options: { key: "rsa" } },
          { authority: makeAuthority({ key: "rsa", pss: true, hash: "sha384" }), options: {} },
          { authority: makeAuthority({ key: "ec-p384", hash: "sha384" }), options: { key: "ec-p384" } },
          { authority: makeAuthority({ key: "ec-p521", hash: "sha512" }), options: {} }
        ] as const
        for (const [index, { authority, options }] of kinds.entries()) {
          yield* present(authority.issue({ names: [hostName], ...options }))
          const settings = scrammer({ sslrootcert: authority.certificate, channelBinding: "require" })
          assert.strictEqual(yield* outcomeOf(settings), "bound", `kind ${index}`)
        }
      })
    )

    it.live("does without a binding only where TLS verified the server, and never where it was required", () =>
      Effect.gen(function* () {
        const authority = makeAuthority({ key: "ed25519" })
        const sslrootcert = authority.certificate
        yield* present(authority.issue({ names: [hostName], key: "ed25519" }))
        assert.strictEqual(yield* outcomeOf(scrammer({ sslrootcert })), "unbound")
        assert.include(
          yield* outcomeOf(scrammer({ sslrootcert, channelBinding: "require" })),
          "no channel binding is defined for the server's certificate (Ed25519)"
        )
        assert.include(
          yield* outcomeOf(scrammer({ sslrootcert: undefined, sslmode: "require" })),
          "TLS did not verify the server"
        )
      })
    )

    it.live("speaks no version of TLS that was ruled out", () =>
      Effect.gen(function* () {
        const offer = (ssl_min_protocol_version: string, ssl_max_protocol_version: string) =>
          Effect.promise(() =>
            server.cluster.reload({ configuration: { ssl_min_protocol_version, ssl_max_protocol_version } })
          )
        yield* presentNew()
        yield* offer("TLSv1", "TLSv1.1")
        assert.strictEqual(yield* outcomeOf(scrammer()), "the TLS handshake")
        yield* offer("TLSv1.2", "TLSv1.2")
        assert.strictEqual(yield* outcomeOf(scrammer()), "bound")
        assert.strictEqual(yield* outcomeOf(scrammer({ sslMinProtocolVersion: "TLSv1.3" })), "the TLS handshake")
        yield* offer("TLSv1.3", "")
        assert.strictEqual(yield* outcomeOf(scrammer({ sslMinProtocolVersion: "TLSv1.3" })), "bound")
        assert.strictEqual(yield* outcomeOf(scrammer({ sslMaxProtocolVersion: "TLSv1.2" })), "the TLS handshake")
      })
    )

    it.live("is told when its own certificate is refused", () =>
      Effect.gen(function* () {
        yield* Effect.promise(() =>
          server.cluster.reload({
            configuration: { ssl_min_protocol_version: "TLSv1.2", ssl_max_protocol_version: "" }
          })
        )
        yield* presentNew()
        const stranger = makeAuthority().issue({ commonName: "certified", usage: "client" })
        const own = server.authority.issue({ commonName: "certified", usage: "client" })
        const refused = "our own certificate, or the lack of one: the server refused it"
        const certified = (sslcert: string, key: string, more: Settings = {}): Settings =>
          server.secure("certified", { password: undefined, sslcert, sslkey: Redacted.make(key), ...more })
        assert.strictEqual(yield* outcomeOf(certified(own.certificate, own.key)), "unbound")
        assert.strictEqual(yield* outcomeOf(certified(stranger.certificate, stranger.key)), refused, "TLS 1.3")
        const older: Settings = { sslMaxProtocolVersion: "TLSv1.2" }
        assert.strictEqual(yield* outcomeOf(certified(stranger.certificate, stranger.key, older)), refused, "TLS 1.2")
      })
    )
  })
}
