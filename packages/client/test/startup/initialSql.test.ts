import { describe, expect, it } from "vitest"
import { settingsOfOptions, withoutRefusable } from "../../src/internal/startup/initialSql.ts"

describe("command-line options of the server", () => {
  it("are settings in three spellings", () => {
    expect(settingsOfOptions("-c geqo=off -cwork_mem=5MB --statement-timeout=1s")).toEqual([
      ["geqo", "off"],
      ["work_mem", "5MB"],
      ["statement_timeout", "1s"]
    ])
  })

  it("are parted by blanks, unless a backslash stands before one", () => {
    expect(settingsOfOptions("  -c\tsearch_path=a,\\ b  ")).toEqual([["search_path", "a, b"]])
    expect(settingsOfOptions("-c search_path=back\\\\slash")).toEqual([["search_path", "back\\slash"]])
  })

  it("keep everything behind the first equals sign", () => {
    expect(settingsOfOptions("-c app.x=a=b -c app.y=")).toEqual([
      ["app.x", "a=b"],
      ["app.y", ""]
    ])
    expect(settingsOfOptions("")).toEqual([])
  })

  it("cannot be said in SQL if any of them is another switch", () => {
    for (const options of ["-B 100", "-c geqo=off -e", "-c", "-c geqo", "--geqo", "geqo=off", "-fs", "-c =off"]) {
      expect(settingsOfOptions(options), options).toBeUndefined()
    }
  })
})

describe("parameters that a pooler may refuse", () => {
  const owner = [
    ["user", "me"],
    ["database", "mine"]
  ] as const

  it("leave behind what every pooler takes, in whatever case", () => {
    const taken = [
      ...owner,
      ["application_name", "a"],
      ["client_encoding", "UTF8"],
      ["DateStyle", "ISO"],
      ["timezone", "UTC"]
    ] as const
    expect(withoutRefusable(taken)).toEqual({ startup: taken, statements: [] })
  })

  it("become one statement, options first, so that what was written by name wins", () => {
    const split = withoutRefusable([...owner, ["work_mem", "1MB"], ["options", "-c work_mem=2MB"]])
    expect(split?.startup).toEqual(owner)
    expect(split?.statements).toEqual([
      "SELECT pg_catalog.set_config('work_mem', '2MB', false), pg_catalog.set_config('work_mem', '1MB', false)"
    ])
  })

  it("are quoted under either meaning of a backslash", () => {
    const split = withoutRefusable([...owner, ["app.a", "it's"], ["app.b", "a\\'b"]])
    expect(split?.statements).toEqual([
      "SELECT pg_catalog.set_config('app.a', 'it''s', false), pg_catalog.set_config('app.b', E'a\\\\''b', false)"
    ])
  })

  it("stay where they are if options cannot be said in SQL", () => {
    expect(withoutRefusable([...owner, ["options", "-B 100"]])).toBeUndefined()
  })
})
