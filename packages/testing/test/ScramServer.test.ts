// The server's half of SCRAM against the example of RFC 7677 §3: the same nonces, salt and password give the same messages.
import { makeScramServer } from "@pgfx/testing"
import { describe, expect, it } from "vitest"

const bytes = (text: string) => new TextEncoder().encode(text)
const salt = Uint8Array.from(Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"))
const nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
const clientFirst = bytes("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
const withoutProof = `c=biws,r=rOprNGfwEbeRWgbNEkqO${nonce}`
const clientFinal = bytes(`${withoutProof},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`)

const server = (password = "pencil", more: Partial<Parameters<typeof makeScramServer>[0]> = {}) => {
  const made = makeScramServer({ password, salt, nonce, ...more })
  return { ...made, challenge: made.first(clientFirst) }
}

describe("a scripted SCRAM server", () => {
  it("says what the RFC says", () => {
    const { challenge, final, proven } = server()
    expect(challenge).toBe(`r=rOprNGfwEbeRWgbNEkqO${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`)
    expect(proven()).toBe(false)
    expect(final(clientFinal)).toBe("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    expect(proven()).toBe(true)
  })

  it("does not sign for a client that does not know the password", () => {
    const { final, proven } = server("pen")
    expect(final(clientFinal)).toBe("e=invalid-proof")
    expect(proven()).toBe(false)
  })

  it("refuses another nonce, and another channel than it sees", () => {
    const proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    expect(server().final(bytes(`c=biws,r=someone-else${proof}`))).toBe("e=other-error")
    expect(server().final(bytes(`${withoutProof.replace("biws", "eSws")}${proof}`))).toBe(
      "e=channel-bindings-dont-match"
    )
  })

  it("binds a client with -PLUS to the certificate it was told of", () => {
    const endPointHash = Uint8Array.of(1, 2, 3)
    const header = "p=tls-server-end-point,,"
    const bound = Buffer.concat([Buffer.from(header), endPointHash]).toString("base64")
    const answer = (binding: string) => {
      const made = makeScramServer({ password: "pencil", salt, nonce, endPointHash })
      made.first(bytes(`${header}n=user,r=rOprNGfwEbeRWgbNEkqO`))
      return made.final(bytes(`c=${binding},r=rOprNGfwEbeRWgbNEkqO${nonce},p=AAAA`))
    }
    expect(answer(bound)).toBe("e=invalid-proof")
    expect(answer(Buffer.from(header).toString("base64"))).toBe("e=channel-bindings-dont-match")
  })
})
