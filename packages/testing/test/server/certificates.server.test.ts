// The certificates at work: a real server presents them, and Node's TLS judges them.
import { connect as connectTcp } from "node:net"
import { connect as connectTls } from "node:tls"
import type { ConnectionOptions, TLSSocket } from "node:tls"
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { makeAuthority, selfSigned } from "../../src/server/certificates.ts"
import type { IssuedCertificate, KeyKind } from "../../src/server/certificates.ts"
import { startCluster } from "../../src/server/cluster.ts"
import type { Cluster } from "../../src/server/cluster.ts"
import type {} from "../../src/vitestServer.ts"

const authority = makeAuthority()
const hour = 60 * 60 * 1000

let cluster: Cluster
beforeAll(async () => {
  const first = authority.issue({ names: ["db.example"] })
  cluster = await startCluster({
    major: inject("postgres")[0].majorVersion,
    tls: { certificate: first.chain, key: first.key }
  })
})
afterAll(() => cluster.stop())

/** SSLRequest, `S`, handshake. Rejects with the handshake's error. */
const handshake = (options: ConnectionOptions): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connectTcp({ host: cluster.host, port: cluster.port })
    socket.once("error", reject)
    socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
    socket.once("data", (answer) => {
      if (answer.toString("latin1") !== "S")
        return reject(new Error(`the server answered ${answer.toString("latin1")}`))
      const secure = connectTls({ socket, ca: authority.certificate, servername: "db.example", ...options })
      secure.once("secureConnect", () => resolve(secure))
      secure.once("error", reject)
    })
  })

const present = (server: IssuedCertificate) => cluster.reload({ tls: { certificate: server.chain, key: server.key } })

/** The code of the error that the handshake fails with, or "ok". */
const outcome = async (options: ConnectionOptions = {}): Promise<string> => {
  try {
    ;(await handshake(options)).destroy()
    return "ok"
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error)
  }
}

describe("a server with a certificate of the authority", () => {
  it.each<KeyKind>(["rsa", "rsa-pss", "ec-p256", "ec-p384", "ed25519"])("and a key of %s is trusted", async (key) => {
    await present(authority.issue({ key, names: ["db.example"] }))
    expect(await outcome()).toBe("ok")
  })

  it("is trusted, or refused for the very fault of its certificate", async () => {
    const soon = new Date(Date.now() + hour)
    const before = new Date(Date.now() - hour)
    const middle = authority.intermediate()
    const leaf = middle.issue({ names: ["db.example"] })
    const cases: ReadonlyArray<readonly [IssuedCertificate, string]> = [
      [authority.issue({ names: ["db.example", "127.0.0.1"] }), "ok"],
      [authority.issue({ commonName: "db.example" }), "ok"],
      [leaf, "ok"],
      [{ ...leaf, chain: leaf.certificate }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
      [authority.issue({ names: ["other.example"] }), "ERR_TLS_CERT_ALTNAME_INVALID"],
      [authority.issue({ names: ["db.example"], validFrom: new Date(0), validTo: before }), "CERT_HAS_EXPIRED"],
      [authority.issue({ names: ["db.example"], validFrom: soon }), "CERT_NOT_YET_VALID"],
      [makeAuthority().issue({ names: ["db.example"] }), "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
      [selfSigned({ names: ["db.example"] }), "DEPTH_ZERO_SELF_SIGNED_CERT"],
      [authority.issue({ names: ["db.example"], usage: "client" }), "INVALID_PURPOSE"]
    ]
    for (const [server, expected] of cases) {
      await present(server)
      expect(await outcome()).toBe(expected)
    }
  })

  it("is refused once it stands on the authority's revocation list", async () => {
    const server = authority.issue({ names: ["db.example"] })
    await present(server)
    const other = authority.issue()
    expect(await outcome({ crl: authority.revoke([]) })).toBe("ok")
    expect(await outcome({ crl: authority.revoke([other]) })).toBe("ok")
    expect(await outcome({ crl: authority.revoke([other, server]) })).toBe("CERT_REVOKED")
    expect(await outcome({ crl: authority.revoke([], new Date(Date.now() - hour / 2)) })).toBe("CRL_HAS_EXPIRED")
    expect(await outcome({ crl: makeAuthority({ commonName: "Other" }).revoke([]) })).toBe("UNABLE_TO_GET_CRL")
  })

  it("speaks plainly again when TLS is turned off", async () => {
    await cluster.reload({ tls: undefined })
    expect(await outcome()).toBe("Error: the server answered N")
  })
})

describe("a server that wants client certificates", () => {
  /** Logs in as postgres and returns the type of the first message: `R` is AuthenticationOk, `E` a refusal. */
  const logIn = async (client?: { readonly cert: string; readonly key: string; readonly passphrase?: string }) => {
    const secure = await handshake(client ?? {})
    const parameters = Buffer.from("user\0postgres\0database\0postgres\0\0")
    const head = Buffer.alloc(8)
    head.writeInt32BE(parameters.length + 8)
    head.writeInt32BE(196608, 4)
    secure.write(Buffer.concat([head, parameters]))
    return await new Promise<string>((resolve) => {
      secure.once("data", (bytes: Buffer) => {
        resolve(bytes.toString("latin1", 0, 1))
        secure.destroy()
      })
      // With TLS 1.3 a refused certificate shows only after the handshake, as an alert.
      secure.once("error", (error) => resolve("code" in error ? String(error.code) : String(error)))
      secure.once("close", () => resolve("closed"))
    })
  }

  it("lets in who is certified by that name and not revoked", async () => {
    const server = authority.issue({ names: ["db.example"] })
    const good = authority.issue({ commonName: "postgres", usage: "client" })
    const revoked = authority.issue({ commonName: "postgres", usage: "client" })
    const stranger = makeAuthority().issue({ commonName: "postgres", usage: "client" })
    await cluster.reload({
      hba: ["hostssl all all all cert"],
      tls: {
        certificate: server.chain,
        key: server.key,
        clientAuthority: authority.certificate,
        clientRevocations: authority.revoke([revoked])
      }
    })
    const identity = (one: IssuedCertificate) => ({ cert: one.chain, key: one.key })
    expect(await logIn(identity(good))).toBe("R")
    expect(await logIn({ cert: good.chain, key: good.encryptedKey("secret"), passphrase: "secret" })).toBe("R")
    expect(await logIn()).toBe("E")
    expect(await logIn(identity(authority.issue({ commonName: "alice", usage: "client" })))).toBe("E")
    expect(await logIn(identity(revoked))).toBe("ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED")
    expect(await logIn(identity(stranger))).toBe("ERR_SSL_TLSV1_ALERT_UNKNOWN_CA")
  })
})
