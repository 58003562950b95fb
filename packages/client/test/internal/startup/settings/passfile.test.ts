import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import { parseConnectionString } from "../../../../src/internal/startup/settings/connectionString.ts"
import { findPassword, passfileNames } from "../../../../src/internal/startup/settings/passfile.ts"
import { passfiles } from "./corpus/readCorpus.ts"

/** What a host is called in the file, and what is asked, for a connection string of the corpus. */
const find = (input: string, file: string): string | undefined => {
  const values = Either.getOrThrow(parseConnectionString(input))
  const host = values.get("host") ?? ""
  const hostaddr = values.get("hostaddr")
  const user = values.get("user") ?? ""
  return findPassword(file, {
    names: passfileNames({
      name: host === "" ? (hostaddr ?? "") : host,
      address: hostaddr ?? host,
      kind: host.startsWith("/") && hostaddr === undefined ? "unix" : "tcp"
    }),
    port: Number(values.get("port") ?? 5432),
    database: values.get("dbname") ?? user,
    user
  })
}

describe("the password file, as libpq reads it", () => {
  const corpus = passfiles().filter(({ input, mode }) => mode === 0o600 && !input.includes("password="))
  it("has a corpus", () => assert.isAbove(corpus.length, 40))

  for (const { differs, file, input, libpq } of corpus) {
    const text = JSON.stringify(file.slice(0, 60))
    const answer = libpq.password === "" ? "finds nothing" : "finds the password"
    it(`${differs === undefined ? answer : `differs (${differs})`} in ${text} for ${input}`, () => {
      const expected = libpq.password === "" ? undefined : libpq.password
      if (differs === undefined) assert.strictEqual(find(input, file), expected)
      else assert.notStrictEqual(find(input, file), expected)
    })
  }
})

describe("the name that an entry is looked up by", () => {
  const names = (name: string, address: string, kind: "tcp" | "unix" = "tcp") => passfileNames({ name, address, kind })

  it("never lets an entry for this machine be sent to another one (CVE-2026-56870)", () => {
    assert.deepStrictEqual(names("localhost", "203.0.113.7"), ["203.0.113.7"])
    assert.deepStrictEqual(names("127.0.0.1", "203.0.113.7"), ["203.0.113.7"])
    assert.isUndefined(find("host=localhost hostaddr=203.0.113.7 user=u", "localhost:*:*:*:secret"))
    assert.isUndefined(find("hostaddr=203.0.113.7 user=u", "localhost:*:*:*:secret"))
  })

  it("is the host's own name otherwise", () => {
    assert.deepStrictEqual(names("db.example.com", "203.0.113.7"), ["db.example.com"])
    assert.deepStrictEqual(names("db.example.com", "127.0.0.1"), ["db.example.com"])
    assert.deepStrictEqual(names("localhost", "::1"), ["localhost"])
    assert.deepStrictEqual(names("203.0.113.7", "203.0.113.7"), ["203.0.113.7"])
    assert.deepStrictEqual(names("/tmp", "/tmp", "unix"), ["/tmp", "localhost"])
  })
})
