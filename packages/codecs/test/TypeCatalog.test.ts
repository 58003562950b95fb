import { describe, expect, it } from "vitest"
import { decodeTypes, describeTypes, oidList, resolveTypeNames } from "../src/TypeCatalog.ts"
import { issueOf } from "./wire.ts"

type Row = ReadonlyArray<string | null>

const row = (
  oid: string | null,
  name: string | null,
  kind: string | null,
  more: Readonly<Record<number, string>> = {}
): Row => {
  const columns: Array<string | null> = [oid, name, "s", kind, null, null, "0", null, "{}", "{}", "{}"]
  for (const [i, value] of Object.entries(more)) columns[Number(i)] = value
  return columns
}

describe("the answer of describeTypes", () => {
  it("becomes descriptions of every kind", () => {
    const rows = [
      row("1", "b", "b"),
      row("2", "p", "p"),
      row("3", "e", "e", { 8: '{sad,"a, \\"b\\"",NULL_,""}' }),
      row("4", "d", "d", { 6: "23" }),
      row("5", "_b", "a", { 4: "1", 5: ";" }),
      row("6", "r", "r", { 7: "25" }),
      row("7", "m", "m", { 7: "25" }),
      row("8", "c", "c", { 9: '{a,"b c"}', 10: "{23,25}" }),
      row("9", "later", "z")
    ]
    expect(decodeTypes(rows)).toEqual([
      { oid: 1, name: "b", schema: "s", kind: "base" },
      { oid: 2, name: "p", schema: "s", kind: "pseudo" },
      { oid: 3, name: "e", schema: "s", kind: "enum", labels: ["sad", 'a, "b"', "NULL_", ""] },
      { oid: 4, name: "d", schema: "s", kind: "domain", baseType: 23 },
      { oid: 5, name: "_b", schema: "s", kind: "array", element: 1, delimiter: ";" },
      { oid: 6, name: "r", schema: "s", kind: "range", subtype: 25 },
      { oid: 7, name: "m", schema: "s", kind: "multirange", subtype: 25 },
      {
        oid: 8,
        name: "c",
        schema: "s",
        kind: "composite",
        attributes: [
          { name: "a", oid: 23 },
          { name: "b c", oid: 25 }
        ]
      },
      { oid: 9, name: "later", schema: "s", kind: "base" }
    ])
  })

  it("is refused if it is not such rows", () => {
    const bad = [
      row(null, "x", "b"),
      row("x", "x", "b"),
      row("1", null, "b"),
      row("1", "x", "a"),
      row("1", "x", "r"),
      row("1", "x", "e", { 8: "{" }),
      row("1", "x", "e", { 8: "{NULL}" }),
      row("1", "x", "c", { 9: "{a}", 10: "{}" }),
      row("1", "x", "c", { 9: "{}", 10: "{23}" }),
      []
    ]
    for (const each of bad) expect(issueOf(() => decodeTypes([each]))).not.toBe("nothing was refused")
  })
})

describe("the queries", () => {
  it.each([
    ["describeTypes", describeTypes],
    ["resolveTypeNames", resolveTypeNames]
  ])("%s name the schema of every relation, function, type and operator", (_name, sql) => {
    // columns and aliases aside, nothing may be found through a search path
    for (const [, relation] of sql.matchAll(/\b(?:FROM|JOIN)\s+(?!LATERAL|wanted\b)([\w.]+)/g))
      expect(relation).toMatch(/^pg_catalog\./)
    for (const [, type] of sql.matchAll(/::([\w."]+)/g)) expect(type).toMatch(/^pg_catalog\./)
    for (const [, name] of sql.matchAll(/([\w.]+)\(/g)) {
      expect(
        ["wanted", "w", "part", "ARRAY", "OPERATOR", "AS", "LATERAL"].includes(name!) ||
          name!.startsWith("pg_catalog."),
        name
      ).toBe(true)
    }
    const withoutQualified = sql.replace(/OPERATOR\(pg_catalog\.[=<>]+\)/g, " ")
    expect(withoutQualified).not.toMatch(/[=<>]|\bIN\b|\bLIKE\b|\bBETWEEN\b|\|\|/)
  })

  it("take their OIDs as one text", () => {
    expect(oidList([])).toBe("{}")
    expect(oidList([1, 2])).toBe("{1,2}")
  })
})
