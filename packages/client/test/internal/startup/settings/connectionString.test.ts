import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as fc from "fast-check"
import { parseConnectionString } from "../../../../src/internal/startup/settings/connectionString.ts"
import { keywords } from "../../../../src/internal/startup/settings/keywords.ts"
import { connectionStrings } from "./corpus/readCorpus.ts"

const valuesOf = (text: string): Record<string, string> | undefined =>
  Either.match(parseConnectionString(text), {
    onLeft: () => undefined,
    onRight: (values) => Object.fromEntries(values)
  })

const issueOf = (text: string): string =>
  Either.match(parseConnectionString(text), {
    onLeft: ({ key, issue }) => {
      assert.strictEqual(key, "url")
      return issue
    },
    onRight: () => assert.fail(`accepted: ${text}`)
  })

describe("connection strings, as libpq reads them", () => {
  const corpus = connectionStrings()

  it("has a corpus worth its name", () => {
    assert.isAbove(corpus.filter(({ libpq }) => "values" in libpq).length, 100)
    assert.isAbove(corpus.filter(({ libpq }) => "refused" in libpq).length, 80)
  })

  for (const { differs, input, libpq } of corpus) {
    const expected = "values" in libpq ? libpq.values : undefined
    if (differs === undefined) {
      it(`${expected === undefined ? "refuses" : "reads"} ${JSON.stringify(input)}`, () => {
        assert.deepStrictEqual(valuesOf(input), expected)
      })
    } else {
      it(`differs from libpq on ${JSON.stringify(input)}: ${differs}`, () => {
        assert.strictEqual(valuesOf(input) === undefined, expected !== undefined)
      })
    }
  }
})

describe("connection strings, beyond libpq", () => {
  it("refuses a NUL and half a surrogate pair, and says where", () => {
    assert.include(issueOf("host=a\0b"), "NUL at character 7")
    assert.include(issueOf("postgres://u:p\uD800@h"), "character 15")
  })

  it("does not try a malformed URI as key/value text", () => {
    for (const text of [
      "postgres:/h?host=evil",
      "Postgres://u:p@h/db?host=evil",
      " postgres://h?host=evil",
      "https://u:p@h/?host=evil"
    ]) {
      assert.match(issueOf(text), /scheme/)
    }
    assert.include(issueOf("postgres://h/db?sslmode=require&x"), 'query parameter 2 (from character 33 on) has no "="')
  })

  it("names the part and the place of what is wrong", () => {
    assert.include(issueOf("postgres://us%er@h"), "the user (from character 12 on)")
    assert.include(issueOf("postgres://user:%@h"), "the password (from character 17 on)")
    assert.include(issueOf("postgres://a,[::1/db"), "host 2 (from character 14 on)")
    assert.include(issueOf("postgres://h/%zz"), "the database (from character 14 on)")
    assert.include(issueOf("host=a sslmod=b"), "the keyword at character 8")
  })

  it("lists near matches and the valid keywords for a misspelt one", () => {
    for (const text of ["host=a sslmod=require", "postgres://a?sslmod=require"]) {
      assert.include(issueOf(text), "did you mean sslmode")
      assert.include(issueOf(text), "target_session_attrs")
    }
    assert.include(issueOf("postgres://a?SSLMODE=require"), "did you mean sslmode")
    assert.include(issueOf("postgres://a?username=x"), "it is called user")
    assert.include(issueOf("postgres://a?search_path=x"), "run-time parameter")
    assert.include(issueOf("postgres://a?connection_limit=5"), "`pool`")
    assert.notInclude(issueOf("postgres://a?qqqqqqqq=x"), "did you mean")
  })
})

/** A word that no message of ours contains. */
const canary = "Zx9Qcanary"

const ingredients = fc.constantFrom(
  canary,
  ..."postgres:// postgresql:// : @ / ? & = , [ ] [::1] % %2 %20 %zz %00 %FF ' \\ host port password user sslmode ssl".split(
    " "
  ),
  " ",
  "\n",
  "é",
  "😀",
  "\u0000",
  "\uD800"
)

describe("parseConnectionString under fire", () => {
  it("answers any text with values or a typed issue, and throws nothing", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 60 }),
      fc.array(ingredients, { maxLength: 14 }).map((parts) => parts.join("")),
      fc.array(ingredients, { maxLength: 12 }).map((parts) => `postgres://${parts.join("")}`)
    )
    fc.assert(
      fc.property(text, (text) => {
        const parsed = parseConnectionString(text)
        if (Either.isRight(parsed)) {
          for (const name of parsed.right.keys()) assert.isTrue(keywords.some((keyword) => keyword.name === name))
        } else {
          assert.strictEqual(parsed.left._tag, "SettingsIssue")
          // whatever part it ended up in, it may have been the password
          assert.notInclude(JSON.stringify(parsed.left), canary)
        }
      }),
      { numRuns: 5_000 }
    )
  })

  const value = fc.string({ unit: "grapheme", maxLength: 12 }).filter((text) => !/[\0]|\p{Surrogate}/u.test(text))
  const names = keywords.map((keyword) => keyword.name)
  const values = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 8 })

  it("reads back what was written as key/value text", () => {
    const written = fc.tuple(values, fc.constantFrom(" ", "\n", "\t  "), fc.constantFrom("=", " = ", "\n="))
    fc.assert(
      fc.property(written, ([values, between, equals]) => {
        const text = Object.entries(values)
          .map(([name, value]) => `${name}${equals}'${value.replaceAll(/['\\]/g, "\\$&")}'`)
          .join(between)
        assert.deepStrictEqual(valuesOf(text), { ...values })
      }),
      { numRuns: 1_000 }
    )
  })

  it("reads back what was written as a URI", () => {
    const encode = (text: string) => encodeURIComponent(text)
    const host = value.filter((text) => text !== "")
    const port = fc.integer({ min: 1, max: 65_535 })
    const parts = fc.record({
      user: host,
      password: host,
      hosts: fc.array(
        fc.tuple(
          host.filter((text) => !text.includes(",")),
          port
        ),
        { minLength: 1, maxLength: 4 }
      ),
      dbname: host,
      query: values
    })
    fc.assert(
      fc.property(parts, ({ dbname, hosts, password, query, user }) => {
        const authority = hosts.map(([name, port]) => `${encode(name)}:${port}`).join(",")
        const rest = Object.entries(query).map(([name, value]) => `${name}=${encode(value)}`)
        const text = `postgresql://${encode(user)}:${encode(password)}@${authority}/${encode(dbname)}?${rest.join("&")}`
        assert.deepStrictEqual(valuesOf(text), {
          user,
          password,
          host: hosts.map(([name]) => name).join(","),
          port: hosts.map(([, port]) => port).join(","),
          dbname,
          ...query
        })
      }),
      { numRuns: 1_000 }
    )
  })
})
