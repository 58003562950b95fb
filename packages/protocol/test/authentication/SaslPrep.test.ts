// SASLprep by the RFC's examples, by PostgreSQL's (src/test/authentication/t/002_saslprep.pl), and by verifiers that a real server made.
import { execFileSync } from "node:child_process"
import { createHash, createHmac, pbkdf2Sync } from "node:crypto"
import { fileURLToPath } from "node:url"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { preparePassword, saslPrep } from "../../src/authentication/SaslPrep.ts"
import { EncodeError } from "../../src/EncodeError.ts"

const text = (bytes: Uint8Array): string => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)

/**
 * From PostgreSQL 18.4 in UTF8: `SET scram_iterations = 4096; ALTER ROLE r PASSWORD '…'; SELECT rolpassword FROM pg_authid`. The server
 * prepared the password itself, so a verifier is its word on what the prepared password is.
 */
const verifiers: ReadonlyArray<readonly [name: string, password: string, verifier: string]> = [
  [
    "plain",
    "IX",
    "SCRAM-SHA-256$4096:6a88pzmbdUP3B+lf72HTqQ==$ySsCX3XGHzFAMdzYFb6Rc8rUNbBreL+uu7CKd+2lgtk=:9fftVUMNxjEg4jVEqy82GmaLC4y6Vo7rmsvCUJJ5+gQ="
  ],
  [
    "soft hyphen removed",
    "I\u00adX",
    "SCRAM-SHA-256$4096:fHDcHnQW/ng2WJChZaRJag==$BYaew7dqiqxoozq2XNvmWPgWM8UB/c6fceNQ9SVqRZs=:d3my1RuftXhvXlbsGFvLLezpu16x699a78Z25gnhLPQ="
  ],
  [
    "roman numeral nine is IX",
    "\u2168",
    "SCRAM-SHA-256$4096:q4LkP7/fWKtnbs9vKKBGgg==$MOO3VgUSG5E7rAo5RILHQErFtfczc0+N0kRJy9HIplY=:PRVSicGLTIir9dvLcvOkfFAoMkiDLw+QaXEiOpFfM60="
  ],
  [
    "lower case kept",
    "user",
    "SCRAM-SHA-256$4096:whfU9I7ittGdw4mCbIimqA==$LvuvcVUZZOoq11YvkjAiVpHefn5YTW4n60w+di4yftg=:ZZExSBVuvJNggfbG9mMK6TDiEAczHfMmUDIGFmpBGfA="
  ],
  [
    "upper case kept",
    "USER",
    "SCRAM-SHA-256$4096:0LzZTcHrOS03ySUvgUA3Lw==$OsD/iQy0mnvtoCjZEttP/CixSztJQ0v/L3pqxugzbYA=:jqEqYPyknmz47561uEfwWtn5uMJB3hZ0W6BhNSQUmWM="
  ],
  [
    "feminine ordinal is a",
    "\u00aa",
    "SCRAM-SHA-256$4096:Db+AH3IHls8q8SQvrNK8Ug==$s09sXDuWio+px09jv93mEkpAj1hUUhXaFvP4yWvDiQE=:eBgLUSSqcSffRB3D5+DCYo4PpyS8PGoXKU2v0ruJ+xQ="
  ],
  [
    "control character: raw",
    "foo\u0007bar",
    "SCRAM-SHA-256$4096:twJO94F0XK9qNRxrxIN+Gg==$HrqKhUh37hyq/agxs/XgWXmwM7LN0P+lADBjCu+dV3E=:rdHb/CtSJFOjkXDaXkRbNpfP3KornbXe02MQtwnrN+w="
  ],
  [
    "mixed directions: raw",
    "foo\u06271bar",
    "SCRAM-SHA-256$4096:G91WbypaNtkCrBxywwvDpw==$D4f0yDAV4+w/7Gr+ZxtXniQJl2I/n/JvQWiRyANrw7k=:o3yVEaoBWzG6AryP87h4YFrAVST2Sr9sWxj7PXJrXYI="
  ],
  [
    "right to left, digit last: raw",
    "\u06271",
    "SCRAM-SHA-256$4096:TNO978Lr+4YWYxKOgJd7Rg==$I1jhFibO7ekS1EsM1J+Hhb3JF06cQAELi/fxbGVJQ6E=:66ToYugx9DvXwYBGWfwEh6f8SWnPKI9SqPuvkwkSWyo="
  ],
  [
    "right to left at both ends",
    "\u06271\u0628",
    "SCRAM-SHA-256$4096:iT+pGPvjJeBR2GkfWVAa5A==$xrMDwELoSx4uHwoAFidK2y8vO7BP+9ljT8+FVQLJgjw=:SmxG6/gpi8zEbGfYueT9lDPepBUsEStWr3xcpcqxkR4="
  ],
  [
    "Arabic ligature whose normal form begins with a space",
    "\ufc5e",
    "SCRAM-SHA-256$4096:+aQdIwzUAkQgIVFptCxOyA==$7q1OeZgJ0y+iUpoCwqYC3GNgucpTvCMgXqwCQPz1Q/s=:J2lu4HPRSTKqWXg/FjsL2+8DCDfrJOgSQQodaIu8474="
  ],
  [
    "combining accent composed",
    "e\u0301",
    "SCRAM-SHA-256$4096:ZqyZwUihY5buDRuBZelcPQ==$OAmacGc9MOpn7fQh9D0fs7tnW3qRVHw6vGZn6v0JSHU=:+RCjSApD6oCInE8N7/vyeaHrrPG0Y6by5dRn6ZarkBY="
  ],
  [
    "deprecated combining mark: raw",
    "\u0340",
    "SCRAM-SHA-256$4096:Re6/E6D8jYAFGc/ey7AuQw==$v2+2oGabuWxHZcDo4Sqvg7KZqHX/MD+KOEfIdtOmCG4=:Pwwisw1ap5IU5HkhVFRML5bLIW63ZC+cPHPHcQa5s68="
  ],
  [
    "nothing left after mapping: raw",
    "\u00ad",
    "SCRAM-SHA-256$4096:3QemCDu5RUiFpxJPQRVU+A==$fwK3kSy64unA54qEkcTR5w98xZIGRYR18/US9W+TNMc=:e37X7iWNnGKjXfdMGS09swzrl3tY4P2F+/pLI31wPvk="
  ],
  [
    "zero width space becomes a space",
    "a\u200bb",
    "SCRAM-SHA-256$4096:Cc6qdb/CsnRw+GQJMxz0iQ==$GsXupgd6OVCszUwsxhPeLcAsyOTifnwGmhIpIRp19v0=:O6z0fEGBg0Y8JKnT9clPQPNhpNJ4JfA452UAJOv8low="
  ],
  [
    "no-break space becomes a space",
    "a\u00a0b",
    "SCRAM-SHA-256$4096:sOZc7RUEM7e92IefWeL34A==$xc+641v6FqErlTfODED1A8LlzWn1xUPkPJgAU6ICnG0=:Y0a9dZmXDHUt2UrkCPQsE5MMmVqzubUWaNK5qOlaD7E="
  ],
  [
    "emoji, unassigned in Unicode 3.2: raw",
    "\u{1f600}",
    "SCRAM-SHA-256$4096:7EJRdgZ15Vy+afU5//dikg==$QcMhyFZ8kcvjLl79toMfAGXl+dV3IYxPK9QvMwL8eFs=:j92a8q0Gcsf+Q33FHRiJ4v/g118JN0cVoz4gCLLx3gg="
  ],
  [
    "letter unassigned in Unicode 3.2: raw",
    "\u0221x",
    "SCRAM-SHA-256$4096:WEgkt+PDvK+hGGnh6BiBPA==$zSpUXlq5sg1WoTO5N0XM4l3mNG30zXbF2NX6pu3sB2Y=:p1cyo2WVEv0tvJFxqwzs7jbS+l9B0QIAQg51BJx7XxU="
  ],
  [
    "private use: raw",
    "\ue000",
    "SCRAM-SHA-256$4096:N7s6wWPYnJbuDC42JvYcKA==$VU/3B0ewOg107aWEbWEVNxmNa4i4hm2Lsq84LRVwyEk=:vXQrY7/7goxuOtbkVo7HU40J7aSgO8I1Z9+gSNarPto="
  ],
  [
    "conjoining jamo composed",
    "\u1100\u1161\u11a8",
    "SCRAM-SHA-256$4096:cTKNrl0xZ+Nmw1fSeFUd/A==$XPyNNlfdZC4KZZNOYSsgIVVjzHB+G+RJTb1pvYmKBLw=:fBGaDJgdcgzubQRHMEWINWdKxzgdEj4f75cpuxBRyBk="
  ]
]

/** Whether these bytes, taken as they are, are the password behind a verifier. */
const opens = (password: Uint8Array, verifier: string): boolean => {
  const [, iterations, salt, storedKey] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):/.exec(verifier) ?? []
  const salted = pbkdf2Sync(password, Buffer.from(salt ?? "", "base64"), Number(iterations), 32, "sha256")
  const clientKey = createHmac("sha256", salted).update("Client Key").digest()
  return createHash("sha256").update(clientKey).digest("base64") === storedKey
}

describe("a password prepared by the server and by us is the same (A-26)", () => {
  for (const [name, password, verifier] of verifiers) {
    it(name, () => {
      expect(opens(preparePassword(password), verifier)).toBe(true)
      expect(opens(preparePassword(`${password}x`), verifier)).toBe(false)
    })
  }
  it("takes as it is exactly what saslPrep refuses", () => {
    const raw = verifiers.filter(([, password]) => saslPrep(password) === undefined).map(([name]) => name)
    expect(raw).toEqual(verifiers.map(([name]) => name).filter((name) => name.endsWith(": raw")))
  })
})

describe("saslPrep", () => {
  const examples: ReadonlyArray<readonly [string, string, string | undefined]> = [
    ["soft hyphen mapped to nothing", "I\u00adX", "IX"],
    ["no transformation", "user", "user"],
    ["case preserved", "USER", "USER"],
    ["output is NFKC, input in ISO 8859-1", "\u00aa", "a"],
    ["output is NFKC, like the first", "\u2168", "IX"],
    ["prohibited character", "\u0007", undefined],
    ["bidirectional check", "\u0627\u0031", undefined]
  ]
  for (const [name, input, output] of examples) {
    it(`RFC 4013 §3: ${name}`, () => expect(saslPrep(input)).toBe(output))
  }

  it("refuses control, private use, non-character, replacement, description, tagging and unassigned code points", () => {
    const codes = [
      0x00, 0x1f, 0x7f, 0x85, 0x6dd, 0x180e, 0x2028, 0x206a, 0xe000, 0xf8ff, 0xfdd0, 0xfffd, 0xffff, 0x2ff0
    ]
    const astral = [0x1d173, 0x1fffe, 0xe0001, 0xe0041, 0xf0000, 0x10fffd, 0x10ffff, 0x221, 0x1f600]
    for (const code of [...codes, ...astral]) {
      expect(saslPrep(`a${String.fromCodePoint(code)}`), code.toString(16)).toBeUndefined()
    }
  })

  it("maps every space to U+0020 and removes what is commonly mapped to nothing", () => {
    for (const code of [0xa0, 0x1680, 0x2000, 0x2007, 0x200b, 0x202f, 0x205f, 0x3000]) {
      expect(saslPrep(`a${String.fromCodePoint(code)}b`), code.toString(16)).toBe("a b")
    }
    for (const code of [0xad, 0x34f, 0x1806, 0x180b, 0x200c, 0x200d, 0x2060, 0xfe00, 0xfe0f, 0xfeff]) {
      expect(saslPrep(`a${String.fromCodePoint(code)}b`), code.toString(16)).toBe("ab")
    }
  })

  it("asks of right-to-left text that it is so from end to end", () => {
    expect(saslPrep("\u05d0\u05d1")).toBe("\u05d0\u05d1")
    expect(saslPrep("\u05d0 1 \u05d1")).toBe("\u05d0 1 \u05d1")
    expect(saslPrep("\u05d0a\u05d1")).toBeUndefined()
    expect(saslPrep("1\u05d0")).toBeUndefined()
    expect(saslPrep("\u05d01")).toBeUndefined()
    expect(saslPrep("é1")).toBe("é1")
  })

  it("leaves printable ASCII alone, and is done after one round", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", minLength: 1 }), (password) => {
        const prepared = saslPrep(password)
        expect(prepared === undefined || prepared === password).toBe(true)
        expect(prepared === undefined).toBe(!/^[ -~]+$/.test(password))
      })
    )
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (password) => {
        const prepared = saslPrep(password)
        if (prepared !== undefined) expect(prepared).toBe(prepared.normalize("NFKC"))
      })
    )
  })
})

describe("preparePassword", () => {
  it("gives the raw password where SASLprep refuses it (002_saslprep.pl, cases 6 and 7)", () => {
    expect(text(preparePassword("foo\u0007bar"))).toBe("foo\u0007bar")
    expect(text(preparePassword("foo\u06271bar"))).toBe("foo\u06271bar")
    expect(text(preparePassword("\u00ad"))).toBe("\u00ad")
  })

  it("refuses what no password of PostgreSQL can be, without repeating it (A-25, V-13, V-15)", () => {
    for (const password of ["", "hunter2\0", "\0", "hunter2\ud800", "\udc00hunter2", "\ud83dhunter2"]) {
      let error: unknown
      try {
        preparePassword(password)
      } catch (thrown) {
        error = thrown
      }
      expect(error).toBeInstanceOf(EncodeError)
      expect(String(error)).not.toContain("hunter2")
    }
  })

  it("takes any other password, those of 64 KiB and more in less than a second (A-28)", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (password) => {
        fc.pre(!password.includes("\0"))
        expect(preparePassword(password).length).toBeGreaterThan(0)
      })
    )
    for (const unit of ["a", "\u00e9", "e\u0301", "\u05d0", "\u{1f600}"]) {
      const before = performance.now()
      expect(preparePassword(unit.repeat(65_536)).length).toBeGreaterThanOrEqual(65_536)
      expect(performance.now() - before).toBeLessThan(1000)
    }
  })
})

describe("the tables", () => {
  it("are what the generator writes", () => {
    const script = fileURLToPath(new URL("../../../../scripts/generate-saslprep.mjs", import.meta.url))
    expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow()
  })
})
