import { describe, expect, it } from "vitest"
import { shownDetail, shownInternalQuery, shownMessage, shownWhere } from "../../../src/internal/render/shown.ts"
import type { ServerReport } from "../../../src/PostgresError.ts"

const report = (sqlState: string, more: Partial<ServerReport>): ServerReport => ({
  severity: "ERROR",
  sqlState,
  message: "m",
  ...more
})
const message = (sqlState: string, text: string, more: Partial<ServerReport> = {}) =>
  shownMessage(report(sqlState, { message: text, ...more }), false)

describe("the message", () => {
  it("loses what it quotes where the server quotes data", () => {
    expect(message("22P02", `invalid input syntax for type integer: "canary"`)).toBe(
      `invalid input syntax for type integer: "…"`
    )
    expect(message("22003", `value "99999999999" is out of range for type integer`)).toBe(
      `value "…" is out of range for type integer`
    )
    expect(message("22P02", "ungültige Eingabesyntax für Typ integer: »canary«")).toBe(
      "ungültige Eingabesyntax für Typ integer: »…«"
    )
    expect(message("22P02", '整数型の入力構文が不正です: "canary"')).toBe('整数型の入力構文が不正です: "…"')
  })
  it("loses all of it, also if the value has quotation marks of its own, or one only", () => {
    expect(message("22P02", `invalid input syntax for type integer: "can" and "ary"`)).toBe(
      `invalid input syntax for type integer: "…"`
    )
    expect(message("22P02", `invalid: "canary`)).toBe("invalid: …")
  })
  it("stays if it speaks about a literal of the text that was sent", () => {
    expect(message("22P02", `invalid input syntax for type integer: "lit"`, { position: 8 })).toContain(`"lit"`)
  })
  it("loses what was quoted from a text that a function made", () => {
    const inner = { internalQuery: "SELECT canary", internalPosition: 8 }
    expect(message("42601", `syntax error at or near "canary"`, inner)).toBe(`syntax error at or near "…"`)
    expect(message("22P02", `invalid input syntax for type integer: "canary"`, inner)).not.toContain("canary")
  })
  it("keeps names, and what the program itself said in a RAISE", () => {
    expect(message("42703", `column "popsulation" does not exist`)).toContain("popsulation")
    expect(message("23505", `duplicate key value violates unique constraint "k"`)).toContain(`"k"`)
    expect(message("22023", `unknown plan "gold"`, { routine: "exec_stmt_raise" })).toContain("gold")
  })
})

describe("the detail", () => {
  const detail = (sqlState: string, text: string, more: Partial<ServerReport> = {}) =>
    shownDetail(report(sqlState, { detail: text, ...more }), false)
  it("is withheld where it holds rows, or may", () => {
    for (const sqlState of ["23505", "23514", "23502", "22P02", "44000", "P0001", "XX000", "HV000", "ZZ999", ""]) {
      expect(detail(sqlState, "Failing row contains (canary).")).toBeUndefined()
    }
    expect(detail("40001", "canary", { routine: "exec_stmt_raise" })).toBeUndefined()
  })
  it("is shown where it speaks of processes, objects and limits, or of the text that was sent", () => {
    const text = "Process 1 waits for ShareLock on transaction 745; blocked by process 2."
    expect(detail("40P01", text)).toBe(text)
    expect(detail("2BP01", "view v depends on table t")).toBe("view v depends on table t")
    expect(detail("22P02", `Token "x" is invalid.`, { position: 8 })).toBe(`Token "x" is invalid.`)
  })
  it("is empty if there is none", () => {
    expect(shownDetail(report("23505", {}), false)).toBe("")
  })
})

describe("the context", () => {
  const where = (text: string) => shownWhere(report("22P02", { where: text }), false)
  it("keeps what quotes no more than a name", () => {
    const calls = [
      `SQL function "h" statement 1`,
      "PL/pgSQL function f(integer) line 3 at RAISE",
      "PL/pgSQL-Funktion g() Zeile 1 bei PERFORM",
      `while updating tuple (0,3) in relation "accounts"`
    ]
    expect(where(calls.join("\n"))).toEqual({ lines: calls, withheld: false })
  })
  it("leaves out what quotes data, with the lines that may belong to it, but no call of a function", () => {
    const call = "PL/pgSQL function f() line 1 at EXECUTE"
    for (const line of [
      `COPY t, line 1, column id: "canary"`,
      "COPY t, Zeile 1, Spalte id »canary«",
      "JSON data, line 1: canary...",
      "unnamed portal with parameters $1 = canary",
      `SQL statement "SELECT 'canary'"`,
      `SQL statement "SELECT\n  canary\nFROM t"`,
      "x".repeat(201)
    ]) {
      expect(where(`${line}\n${call}`)).toEqual({ lines: [call], withheld: true })
      expect(where(`${call}\n${line}\n${call}`)).toEqual({ lines: [call, call], withheld: true })
    }
  })
})

describe("a function's statement", () => {
  const inner = (internalQuery: string) => shownInternalQuery(report("42703", { internalQuery }), false)
  it("loses its literals, character for character", () => {
    for (const [sql, shown] of [
      ["SELECT 'canary', x", "SELECT '······', x"],
      ["SELECT 'can''ary', 'x'", "SELECT '···''···', '·'"],
      [String.raw`SELECT E'can\'ary', x`, "SELECT ·'····'···', x"],
      ["SELECT $tag$canary$tag$, $1, x", "SELECT $···$······$···$, $1, x"],
      ["WHERE ssn = 123456 AND a1 = t2.c3", "WHERE ssn = ······ AND a1 = t2.c3"],
      ["SELECT 'canary", "SELECT '······"],
      ["-- don't\nSELECT 'canary'", "-- don't\nSELECT '······'"],
      [`SELECT "it's", 'canary'`, `SELECT "it's", '······'`],
      ["/* it's */ SELECT 'canary'", "/* it's */ SELECT '······'"]
    ] as const) {
      expect(inner(sql)).toBe(shown)
      expect(Array.from(inner(sql) ?? "").length).toBe(Array.from(sql).length)
    }
  })
})

describe("where values may be shown", () => {
  it("everything is as sent", () => {
    const all = report("22P02", {
      message: `syntax: "canary"`,
      detail: "canary",
      where: "a: canary\nb",
      internalQuery: "SELECT 'canary'"
    })
    expect(shownMessage(all, true)).toBe(all.message)
    expect(shownDetail(all, true)).toBe("canary")
    expect(shownWhere(all, true)).toEqual({ lines: ["a: canary", "b"], withheld: false })
    expect(shownInternalQuery(all, true)).toBe(all.internalQuery)
  })
})
