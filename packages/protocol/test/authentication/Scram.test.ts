// The state machine on the RFCs' own conversations, and every way a server may lie to it. Numbers A-n are those of the project's
// catalogue of faults and attacks.
import { hmac } from "@noble/hashes/hmac"
import { sha256 } from "@noble/hashes/sha2"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeBase64, encodeBase64 } from "../../src/authentication/base64.ts"
import { pbkdf2Sha256 } from "../../src/authentication/pbkdf2.ts"
import {
  type ChannelBinding,
  defaultScramLimits,
  equalInConstantTime,
  type ScramClient,
  scramClient,
  scramNonce
} from "../../src/authentication/Scram.ts"
import { ScramError, type ScramErrorReason } from "../../src/authentication/ScramError.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const nonce = "rOprNGfwEbeRWgbNEkqO"
const salt = "W22ZaJ0SNY7soEsUEjb6gQ=="

const started = (options: { readonly minIterations?: number; readonly maxIterations?: number } = {}): ScramClient => {
  const client = scramClient({ nonce, channelBinding: { type: "none" }, ...options })
  client.clientFirst()
  return client
}

const thrown = (run: () => unknown): ScramError => {
  try {
    run()
  } catch (error) {
    if (error instanceof ScramError) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

/** The other half, written from RFC 5802 §3 and independent of the client: a verifier, and the two server messages. */
const serverFor = async (password: string, iterations: number) => {
  const salted = await pbkdf2Sha256(bytes(password), decodeBase64(salt) ?? bytes(""), iterations)
  const storedKey = sha256(hmac(sha256, salted, bytes("Client Key")))
  const serverKey = hmac(sha256, salted, bytes("Server Key"))
  return {
    salted,
    answer: (clientFirst: string) => {
      const bare = clientFirst.slice(clientFirst.indexOf(",", clientFirst.indexOf(",") + 1) + 1)
      const first = `r=${bare.slice(bare.indexOf("r=") + 2)}SERVERPART,s=${salt},i=${iterations}`
      return {
        first: bytes(first),
        final: (clientFinal: string): Uint8Array => {
          const at = clientFinal.lastIndexOf(",p=")
          const authMessage = bytes(`${bare},${first},${clientFinal.slice(0, at)}`)
          const proof = decodeBase64(clientFinal.slice(at + 3)) ?? new Uint8Array(0)
          const signature = hmac(sha256, storedKey, authMessage)
          const clientKey = proof.map((byte, i) => byte ^ (signature[i] ?? 0))
          if (!equalInConstantTime(sha256(clientKey), storedKey)) return bytes("e=invalid-proof")
          return bytes(`v=${encodeBase64(hmac(sha256, serverKey, authMessage))}`)
        }
      }
    }
  }
}

describe("SCRAM-SHA-256, the conversation of RFC 7677 §3", () => {
  it("says what the RFC says and accepts the server's signature", async () => {
    const client = scramClient({ nonce, user: "user", channelBinding: { type: "none" } })
    expect(client.mechanism).toBe("SCRAM-SHA-256")
    expect(text(client.clientFirst())).toBe("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
    const asked = client.serverFirst(
      bytes("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    )
    expect(asked.iterations).toBe(4096)
    const salted = await pbkdf2Sha256(bytes("pencil"), asked.salt, asked.iterations)
    expect(text(client.clientFinal(salted))).toBe(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    expect(client.verified).toBe(false)
    client.serverFinal(bytes("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="))
    expect(client.verified).toBe(true)
  })

  it("frames its messages as RFC 5802 §5 does, whose SHA-1 conversation differs in the digests only", () => {
    const client = scramClient({
      nonce: "fyko+d2lbbFgONRv9qkxdawL",
      user: "user",
      channelBinding: { type: "none" }
    })
    expect(text(client.clientFirst())).toBe("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")
    client.serverFirst(bytes("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"))
    expect(text(client.clientFinal(new Uint8Array(32)))).toMatch(
      /^c=biws,r=fyko\+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=/
    )
  })

  it("escapes comma and equals sign in a user name and leaves the name empty by default", () => {
    const named = scramClient({ nonce, user: "a=b,c", channelBinding: { type: "none" } })
    expect(text(named.clientFirst())).toBe(`n,,n=a=3Db=2Cc,r=${nonce}`)
    const unnamed = scramClient({ nonce, channelBinding: { type: "none" } })
    expect(text(unnamed.clientFirst())).toBe(`n,,n=,r=${nonce}`)
  })

  it("uses the digests it was given", () => {
    let calls = 0
    const client = scramClient({
      nonce,
      channelBinding: { type: "none" },
      digests: {
        sha256: (message) => (calls++, sha256(message)),
        hmacSha256: (key, message) => (calls++, hmac(sha256, key, message))
      }
    })
    client.clientFirst()
    client.serverFirst(bytes(`r=${nonce}x,s=${salt},i=4096`))
    client.clientFinal(new Uint8Array(32))
    expect(calls).toBe(5)
  })
})

describe("channel binding", () => {
  const endPoint = Uint8Array.from({ length: 32 }, (_, i) => i * 7)
  const bindings: ReadonlyArray<readonly [ChannelBinding, string]> = [
    [{ type: "none" }, "n,,"],
    [{ type: "unsupportedByServer" }, "y,,"],
    [{ type: "tls-server-end-point", data: endPoint }, "p=tls-server-end-point,,"]
  ]
  for (const [channelBinding, header] of bindings) {
    it(`repeats ${header} in the signed c= attribute (A-20: a server that did offer PLUS sees a stripped list)`, async () => {
      const server = await serverFor("pencil", 4096)
      const client = scramClient({ nonce, channelBinding })
      const first = text(client.clientFirst())
      expect(first.startsWith(`${header}n=,r=`)).toBe(true)
      const answer = server.answer(first)
      client.serverFirst(answer.first)
      const final = text(client.clientFinal(server.salted))
      const bound = decodeBase64(final.slice(2, final.indexOf(",")))
      const expected =
        channelBinding.type === "tls-server-end-point" ? [...bytes(header), ...endPoint] : [...bytes(header)]
      expect([...(bound ?? [])]).toEqual(expected)
      client.serverFinal(answer.final(final))
      expect(client.verified).toBe(true)
      expect(client.mechanism).toBe(
        channelBinding.type === "tls-server-end-point" ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256"
      )
    })
  }

  it("refuses to bind to nothing (CVE-2026-54291)", () => {
    const error = thrown(() =>
      scramClient({ nonce, channelBinding: { type: "tls-server-end-point", data: new Uint8Array(0) } })
    )
    expect(error.reason).toBe("InvalidArgument")
  })
})

describe("server-first-message: refused before anything is derived", () => {
  const digits = (count: number): string => `1${"0".repeat(count)}`
  const refusals: ReadonlyArray<readonly [string, string, ScramErrorReason]> = [
    ["A-4 the nonce does not extend ours", `r=XXXXNGfwEbeRWgbNEkqOabc,s=${salt},i=4096`, "NonceNotExtended"],
    ["A-4 the nonce is ours and nothing more", `r=${nonce},s=${salt},i=4096`, "NonceNotExtended"],
    ["A-4 the nonce is a part of ours", `r=${nonce.slice(0, 8)},s=${salt},i=4096`, "NonceNotExtended"],
    ["A-4 the nonce is empty", `r=,s=${salt},i=4096`, "NonceNotExtended"],
    ["A-4 our nonce, in other case", `r=${nonce.toLowerCase()}x,s=${salt},i=4096`, "NonceNotExtended"],
    ["A-4 a comma in the nonce", `r=${nonce}a,b,s=${salt},i=4096`, "MalformedServerFirst"],
    ["A-4 a space in the nonce", `r=${nonce} b,s=${salt},i=4096`, "MalformedServerFirst"],
    ["A-4 a NUL in the nonce", `r=${nonce}\0,s=${salt},i=4096`, "MalformedServerFirst"],
    ["A-4 an escape sequence in the nonce", `r=${nonce}\u001b[2J,s=${salt},i=4096`, "MalformedServerFirst"],
    ["A-4 UTF-8 in the nonce", `r=${nonce}é,s=${salt},i=4096`, "MalformedServerFirst"],
    ["A-6 one iteration too many", `r=${nonce}x,s=${salt},i=100001`, "IterationsTooHigh"],
    ["A-6 2^31 iterations", `r=${nonce}x,s=${salt},i=2147483648`, "IterationsTooHigh"],
    ["A-6 2^32 + 4096 iterations", `r=${nonce}x,s=${salt},i=4294971392`, "IterationsTooHigh"],
    ["A-6 10^30 iterations", `r=${nonce}x,s=${salt},i=${digits(30)}`, "IterationsTooHigh"],
    ["A-6 10^400 iterations", `r=${nonce}x,s=${salt},i=${digits(400)}`, "IterationsTooHigh"],
    ["A-6 an exponent", `r=${nonce}x,s=${salt},i=1e9`, "IterationsInvalid"],
    ["A-6 a plus sign", `r=${nonce}x,s=${salt},i=+4096`, "IterationsInvalid"],
    ["A-6 a leading zero", `r=${nonce}x,s=${salt},i=04096`, "IterationsInvalid"],
    ["A-6 hexadecimal", `r=${nonce}x,s=${salt},i=0x1000`, "IterationsInvalid"],
    ["A-6 a fraction", `r=${nonce}x,s=${salt},i=4096.0`, "IterationsInvalid"],
    ["A-7 no iterations at all", `r=${nonce}x,s=${salt},i=0`, "IterationsTooLow"],
    ["A-7 negative iterations", `r=${nonce}x,s=${salt},i=-1`, "IterationsInvalid"],
    ["A-7 an empty count", `r=${nonce}x,s=${salt},i=`, "IterationsInvalid"],
    ["A-7 the count is missing", `r=${nonce}x,s=${salt}`, "MalformedServerFirst"],
    ["A-7 one iteration", `r=${nonce}x,s=${salt},i=1`, "IterationsTooLow"],
    ["A-7 one iteration too few", `r=${nonce}x,s=${salt},i=4095`, "IterationsTooLow"],
    ["A-9 a nonce of 64 KiB", `r=${nonce}${"a".repeat(65536)},s=${salt},i=4096`, "NonceInvalid"],
    ["A-9 a nonce of 1,025 characters", `r=${nonce}${"a".repeat(1005)},s=${salt},i=4096`, "NonceInvalid"],
    ["A-9 a salt of 1 MiB", `r=${nonce}x,s=${"AAAA".repeat(349526)},i=4096`, "MalformedServerFirst"],
    ["A-9 a salt of 1,026 bytes", `r=${nonce}x,s=${"AAAA".repeat(342)},i=4096`, "SaltInvalid"],
    ["A-9 an empty salt", `r=${nonce}x,s=,i=4096`, "SaltInvalid"],
    ["A-9 a salt that is not base64", `r=${nonce}x,s=W22Za*0SNY7soEsUEjb6gQ==,i=4096`, "SaltInvalid"],
    ["A-9 a salt without its padding", `r=${nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096`, "SaltInvalid"],
    ["A-9 a salt with stray bits", `r=${nonce}x,s=W22ZaJ0SNY7soEsUEjb6gR==,i=4096`, "SaltInvalid"],
    ["A-9 a salt in base64url", `r=${nonce}x,s=W22ZaJ0SNY7soEsUEjb-_w==,i=4096`, "SaltInvalid"],
    ["a mandatory extension in front", `m=x,r=${nonce}x,s=${salt},i=4096`, "ExtensionUnsupported"],
    ["an extension behind", `r=${nonce}x,s=${salt},i=4096,x=y`, "ExtensionUnsupported"],
    ["a trailing comma", `r=${nonce}x,s=${salt},i=4096,`, "ExtensionUnsupported"],
    ["attributes in another order", `s=${salt},r=${nonce}x,i=4096`, "MalformedServerFirst"],
    ["an empty message", "", "MalformedServerFirst"],
    ["a final message at the wrong time", `v=${"A".repeat(43)}=`, "MalformedServerFirst"],
    ["A-11 an error already here", "e=other-error", "ServerError"]
  ]
  for (const [name, message, reason] of refusals) {
    it(`${name}: ${reason}`, () => {
      const client = started()
      const error = thrown(() => client.serverFirst(bytes(message)))
      expect(error.reason).toBe(reason)
      expect(error.message.length).toBeLessThan(300)
      expect(error.message).not.toContain(nonce)
      // No proof can be had from it afterwards.
      expect(thrown(() => client.clientFinal(new Uint8Array(32))).reason).toBe("OutOfOrder")
      expect(client.verified).toBe(false)
    })
  }

  it("costs nothing even for the worst iteration count (A-6)", () => {
    const before = process.cpuUsage()
    const client = started()
    thrown(() => client.serverFirst(bytes(`r=${nonce}x,s=${salt},i=${digits(400)}`)))
    const { system, user } = process.cpuUsage(before)
    expect(user + system).toBeLessThan(50_000)
  })

  it("accepts the cap itself, the floor itself, and fewer iterations where the floor was lowered (A-7)", () => {
    expect(started().serverFirst(bytes(`r=${nonce}x,s=${salt},i=100000`)).iterations).toBe(100_000)
    expect(started().serverFirst(bytes(`r=${nonce}x,s=${salt},i=4096`)).iterations).toBe(4096)
    expect(started({ minIterations: 1 }).serverFirst(bytes(`r=${nonce}x,s=${salt},i=1`)).iterations).toBe(1)
    expect(thrown(() => started({ minIterations: 0 }).serverFirst(bytes(`r=${nonce}x,s=${salt},i=0`))).reason).toBe(
      "IterationsTooLow"
    )
    expect(
      started({ maxIterations: 10_000_000 }).serverFirst(bytes(`r=${nonce}x,s=${salt},i=10000000`)).iterations
    ).toBe(10_000_000)
  })

  it("accepts the longest nonce and the longest salt", () => {
    const longest = `${nonce}${"a".repeat(defaultScramLimits.maxNonceLength - nonce.length)}`
    const longestSalt = encodeBase64(new Uint8Array(defaultScramLimits.maxSaltLength))
    expect(started().serverFirst(bytes(`r=${longest},s=${longestSalt},i=4096`)).salt).toHaveLength(1024)
  })
})

describe("server-final-message", () => {
  const atFinal = async () => {
    const server = await serverFor("pencil", 4096)
    const client = started()
    const answer = server.answer(`n,,n=,r=${nonce}`)
    client.serverFirst(answer.first)
    const final = answer.final(text(client.clientFinal(server.salted)))
    return { client, final }
  }

  it("refuses a signature with any one bit changed", async () => {
    const { final } = await atFinal()
    const signature = decodeBase64(text(final).slice(2)) ?? new Uint8Array(0)
    expect(signature).toHaveLength(32)
    for (const bit of [0, 7, 128, 255]) {
      const { client } = await atFinal()
      const forged = signature.slice()
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const error = thrown(() => client.serverFinal(bytes(`v=${encodeBase64(forged)}`)))
      expect(error.reason).toBe("SignatureMismatch")
      expect(client.verified).toBe(false)
      expect(thrown(() => client.serverFinal(final)).reason).toBe("OutOfOrder")
      expect(client.verified).toBe(false)
    }
  })

  it("refuses a server that does not know the password", async () => {
    const impostor = await serverFor("pencil", 4096)
    const client = started()
    const answer = impostor.answer(`n,,n=,r=${nonce}`)
    const asked = client.serverFirst(answer.first)
    client.clientFinal(await pbkdf2Sha256(bytes("other"), asked.salt, asked.iterations))
    expect(thrown(() => client.serverFinal(bytes(`v=${"A".repeat(43)}=`))).reason).toBe("SignatureMismatch")
  })

  const malformed = [
    "",
    "v=",
    "v",
    "V=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95A==",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,x=y",
    " v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    `v=${"A".repeat(70_000)}`,
    "e=",
    "e=two words",
    "e=a,b",
    `e=${"a".repeat(129)}`,
    "e=\u001b[31mred"
  ]
  for (const message of malformed) {
    it(`refuses ${JSON.stringify(message.slice(0, 60))} as malformed`, async () => {
      const { client } = await atFinal()
      expect(thrown(() => client.serverFinal(bytes(message))).reason).toBe("MalformedServerFinal")
      expect(client.verified).toBe(false)
    })
  }

  it("gives the server's own reason, explained (A-11)", async () => {
    for (const [word, meaning] of [
      ["other-error", "no particular reason"],
      ["invalid-proof", "the password is wrong"],
      ["channel-bindings-dont-match", "another TLS certificate"],
      ["server-does-support-channel-binding", "stands between"]
    ] as const) {
      const { client } = await atFinal()
      const error = thrown(() => client.serverFinal(bytes(`e=${word}`)))
      expect(error).toMatchObject({ reason: "ServerError", serverError: word })
      expect(error.message).toContain(meaning)
      expect(client.verified).toBe(false)
    }
  })

  it("passes on a reason it does not know, names of Object.prototype included", async () => {
    for (const word of ["quota-exceeded", "constructor", "__proto__"]) {
      const { client } = await atFinal()
      const error = thrown(() => client.serverFinal(bytes(`e=${word}`)))
      expect(error.serverError).toBe(word)
      expect(error.message.endsWith(word)).toBe(true)
    }
  })
})

describe("order", () => {
  it("refuses every step but the next, and is over after the first wrong one (A-2, A-3)", () => {
    const steps: Record<string, (client: ScramClient) => unknown> = {
      clientFirst: (client) => client.clientFirst(),
      serverFirst: (client) => client.serverFirst(bytes(`r=${nonce}x,s=${salt},i=4096`)),
      clientFinal: (client) => client.clientFinal(new Uint8Array(32)),
      serverFinal: (client) => client.serverFinal(bytes(`v=${"A".repeat(43)}=`))
    }
    const order = Object.keys(steps)
    for (let done = 0; done < 3; done++) {
      for (const [name, wrong] of Object.entries(steps)) {
        if (name === order[done]) continue
        const client = scramClient({ nonce, channelBinding: { type: "none" } })
        for (const earlier of order.slice(0, done)) steps[earlier]?.(client)
        expect(thrown(() => wrong(client)).reason, `${name} after ${done} steps`).toBe("OutOfOrder")
        for (const any of Object.values(steps)) expect(thrown(() => any(client)).reason).toBe("OutOfOrder")
        expect(client.verified).toBe(false)
      }
    }
  })

  it("takes a salted password of 32 bytes only, and may be asked again with the right one", () => {
    const client = started()
    client.serverFirst(bytes(`r=${nonce}x,s=${salt},i=4096`))
    expect(thrown(() => client.clientFinal(new Uint8Array(31))).reason).toBe("InvalidArgument")
    expect(client.clientFinal(new Uint8Array(32)).length).toBeGreaterThan(40)
  })

  it("leaves the caller's salted password as it was", () => {
    const client = started()
    client.serverFirst(bytes(`r=${nonce}x,s=${salt},i=4096`))
    const salted = Uint8Array.from({ length: 32 }, (_, i) => i)
    client.clientFinal(salted)
    expect([...salted]).toEqual(Array.from({ length: 32 }, (_, i) => i))
  })
})

describe("options", () => {
  it("refuses a nonce that is short, not printable, or holds a comma", () => {
    for (const nonce of [
      "",
      "short",
      "with,comma,but,long,enough",
      "with space long enough",
      "é".repeat(20),
      "a".repeat(1024)
    ]) {
      expect(thrown(() => scramClient({ nonce, channelBinding: { type: "none" } })).reason).toBe("InvalidArgument")
    }
  })
  it("refuses a user name with NUL or half a surrogate pair", () => {
    for (const user of ["a\0b", "\ud800", "x\udc00"]) {
      expect(thrown(() => scramClient({ nonce, user, channelBinding: { type: "none" } })).reason).toBe(
        "InvalidArgument"
      )
    }
  })
  it("refuses limits that are no whole numbers", () => {
    for (const maxIterations of [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY]) {
      expect(thrown(() => scramClient({ nonce, channelBinding: { type: "none" }, maxIterations })).reason).toBe(
        "InvalidArgument"
      )
    }
  })
  it("makes a nonce of 24 characters from 18 random bytes", () => {
    const made = scramNonce(Uint8Array.from({ length: 18 }, (_, i) => i * 13))
    expect(made).toMatch(/^[A-Za-z0-9+/]{24}$/)
    expect(scramClient({ nonce: made, channelBinding: { type: "none" } }).mechanism).toBe("SCRAM-SHA-256")
  })
})

describe("whatever a server sends", () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .array(
        fc.oneof(
          fc.constantFrom(`r=${nonce}`, "r=", "s=", salt, "i=", "4096", "v=", "e=", "m=", ",", "=", "A".repeat(44)),
          fc.string({ maxLength: 6 })
        ),
        { maxLength: 9 }
      )
      .map((pieces) => bytes(pieces.join("")))
  )
  it("is either taken or answered with a ScramError, in both places", () => {
    fc.assert(
      fc.property(message, message, (first, final) => {
        const client = started()
        try {
          client.serverFirst(first)
        } catch (error) {
          expect(error).toBeInstanceOf(ScramError)
        }
        const later = started()
        later.serverFirst(bytes(`r=${nonce}x,s=${salt},i=4096`))
        later.clientFinal(new Uint8Array(32))
        expect(thrown(() => later.serverFinal(final))).toBeInstanceOf(ScramError)
      }),
      { numRuns: 500 }
    )
  })

  // HMAC pads short keys with zeros (RFC 2104 §2): "a" and "a\0" are one key. PostgreSQL's passwords hold no NUL.
  const password = fc.string({ minLength: 1 }).filter((text) => !text.includes("\0"))
  it("completes with any password, and with no server that derives from another", async () => {
    await fc.assert(
      fc.asyncProperty(password, password, async (password, other) => {
        fc.pre(text(bytes(password)) !== text(bytes(other)))
        const server = await serverFor(password, 1)
        const wrong = await serverFor(other, 1)
        const run = (salted: Uint8Array) => {
          const client = started({ minIterations: 1 })
          const answer = server.answer(`n,,n=,r=${nonce}`)
          client.serverFirst(answer.first)
          const final = answer.final(text(client.clientFinal(salted)))
          client.serverFinal(final)
          return client.verified
        }
        expect(run(server.salted)).toBe(true)
        expect(thrown(() => run(wrong.salted))).toMatchObject({ reason: "ServerError", serverError: "invalid-proof" })
      }),
      { numRuns: 50 }
    )
  })
})
