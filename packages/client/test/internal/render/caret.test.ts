import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { renderCaret } from "../../../src/internal/render/caret.ts"
import { cellsOf } from "../../../src/internal/render/columns.ts"

/** The server's way to count: characters from 1. */
const positionOf = (sql: string, word: string): number => Array.from(sql.slice(0, sql.indexOf(word))).length + 1
const drawn = (sql: string, position?: number): string => renderCaret({ sql, position, label: "here" }).join("\n")
const at = (sql: string, word: string): string => drawn(sql, positionOf(sql, word))

describe("the caret", () => {
  it("stands below the character, with a line before and a line after", () => {
    expect(at("SELECT a\nFROM   t\nWHERE  oops\nAND    b\nLIMIT  1", "oops")).toBe(
      ["2 │ FROM   t", "3 │ WHERE  oops", "  │        ╰── here", "4 │ AND    b"].join("\n")
    )
  })
  it("counts characters, not UTF-16 units", () => {
    // 😀 is one character for the server, two units for JavaScript, two columns on the screen
    expect(at("SELECT '😀😀', oops", "oops")).toBe(
      ["1 │ SELECT '😀😀', oops", "  │                ╰── here"].join("\n")
    )
    expect(at("SELECT 'Å', oops", "oops")).toBe(["1 │ SELECT 'Å', oops", "  │             ╰── here"].join("\n"))
  })
  it("counts what a reader sees: combining marks take no room, ideographs two columns, a family of emoji as well", () => {
    expect(at("SELECT 'A\u030a', oops", "oops")).toBe(
      ["1 │ SELECT 'A\u030a', oops", "  │             ╰── here"].join("\n")
    )
    expect(at("SELECT '日本', oops", "oops")).toBe(
      ["1 │ SELECT '日本', oops", "  │                ╰── here"].join("\n")
    )
    expect(at("SELECT '👩‍👩‍👧', oops", "oops")).toBe(["1 │ SELECT '👩‍👩‍👧', oops", "  │              ╰── here"].join("\n"))
  })
  it("stands at the beginning of a cluster into which it points", () => {
    const sql = "A\u030a\u0301B"
    for (const position of [1, 2, 3]) expect(drawn(sql, position)).toBe([`1 │ ${sql}`, "  │ ╰── here"].join("\n"))
    expect(drawn(sql, 4)).toBe([`1 │ ${sql}`, "  │  ╰── here"].join("\n"))
  })
  it("knows three kinds of line break, whose characters count", () => {
    for (const lineBreak of ["\n", "\r\n", "\r"]) {
      expect(at(["SELECT a", "FROM   oops", "WHERE  b"].join(lineBreak), "oops")).toBe(
        ["1 │ SELECT a", "2 │ FROM   oops", "  │        ╰── here", "3 │ WHERE  b"].join("\n")
      )
    }
  })
  it("expands tabs to stops of four", () => {
    expect(at("SELECT\ta,\toops", "oops")).toBe(["1 │ SELECT  a,  oops", "  │             ╰── here"].join("\n"))
  })
  it("makes control characters visible and still fits", () => {
    expect(at("SELECT '\u001b[31m', oops", "oops")).toBe(
      ["1 │ SELECT '\\x1b[31m', oops", "  │                    ╰── here"].join("\n")
    )
  })
  it("takes common indentation away and leaves line numbers as they were sent", () => {
    expect(at("\n    SELECT a\n      FROM oops\n    LIMIT 1\n", "oops")).toBe(
      ["2 │ SELECT a", "3 │   FROM oops", "  │        ╰── here", "4 │ LIMIT 1"].join("\n")
    )
  })
  it("aligns numbers of one and two digits", () => {
    const sql = Array.from({ length: 12 }, (_, n) => `a${n + 1}`).join("\n")
    expect(at(sql, "a9")).toBe([" 8 │ a8", " 9 │ a9", "   │ ╰── here", "10 │ a10"].join("\n"))
  })
  it("stands behind the last word if something is missing at the end", () => {
    // the server's position is one behind the text, trailing white space included
    const sql = "SELECT 1 +\n\n"
    for (const position of [sql.length - 1, sql.length + 1, sql.length + 100, Number.MAX_SAFE_INTEGER]) {
      expect(drawn(sql, position)).toBe(["1 │ SELECT 1 +", "  │           ╰── here"].join("\n"))
    }
  })
  it("cuts a long line around itself", () => {
    const sql = `SELECT ${"a, ".repeat(500)}oops, ${"b, ".repeat(500)}c`
    const [line = "", caret = ""] = at(sql, "oops").split("\n")
    expect(line).toMatch(/^1 │ ….*oops.*…$/)
    expect(line.length).toBeLessThanOrEqual(104)
    expect(line.indexOf("oops")).toBe(caret.indexOf("╰"))
  })
  it("does not measure what it does not show", () => {
    const sql = `SELECT ${"日, ".repeat(300_000)}oops, ${"b, ".repeat(300_000)}c`
    const position = positionOf(sql, "oops")
    const before = performance.now()
    const picture = drawn(sql, position)
    expect(picture).toContain("oops")
    expect(performance.now() - before).toBeLessThan(500)
  })
})

describe("without a position", () => {
  it("shows the first lines, and how many more there are", () => {
    const sql = `\n${Array.from({ length: 9 }, (_, n) => `  line${n + 1}`).join("\n")}\n\n`
    expect(drawn(sql)).toBe(
      ["2 │ line1", "3 │ line2", "4 │ line3", "5 │ line4", "6 │ line5", "7 │ line6", "  │ … (3 more lines)"].join("\n")
    )
    for (const none of [0, -1, Number.NaN]) expect(drawn(sql, none)).toBe(drawn(sql))
  })
  it("shows nothing of nothing", () => {
    expect(renderCaret({ sql: " \n ", position: 2, label: "here" })).toEqual([])
  })
})

describe("for any text and position", () => {
  const anyText = fc.string({
    unit: fc.constantFrom("a", " ", "\n", "\r", "\t", "日", "😀", "\u030a", "'", "\u0000", "\ud800")
  })
  it("draws one caret, below a shown line, on lines of bounded width", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 60 }), (sql, position) => {
        const picture = renderCaret({ sql, position, label: "here" })
        if (sql.trim() === "") return picture.length === 0
        return (
          picture.filter((line) => line.endsWith("╰── here")).length === 1 &&
          picture.length <= 4 &&
          picture.every((line) => cellsOf(line).reduce((width, cell) => width + cell.width, 0) <= 120)
        )
      })
    )
  })
  it("puts it exactly below the character where every character is one column wide", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "b", "\n") }),
        fc.integer({ min: 1, max: 30 }),
        (sql, position) => {
          const wanted = sql[position - 1]
          fc.pre(wanted !== undefined && wanted !== "\n")
          const picture = renderCaret({ sql, position, label: "here" })
          const caret = picture.findIndex((line) => line.endsWith("╰── here"))
          return picture[caret - 1]?.[picture[caret]?.indexOf("╰") ?? -1] === wanted
        }
      )
    )
  })
})
