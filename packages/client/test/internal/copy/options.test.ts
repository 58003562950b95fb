// Options as SQL: what is said is what is read again, and nothing gets out of its place (Y-11).
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type CopyOptions, copyOptionsSql } from "../../../src/internal/copy/options.ts"
import { readCopyStatement } from "../../../src/internal/copy/statement.ts"

const one = fc
  .integer({ min: 1, max: 127 })
  .filter((code) => code !== 10 && code !== 13)
  .map((code) => String.fromCharCode(code))
const line = fc.string().map((text) => text.replaceAll(/[\0\r\n]/g, ""))

describe("copyOptionsSql", () => {
  it("says what it is told, in this order", () => {
    assert.strictEqual(copyOptionsSql({ format: "binary" }), "(FORMAT binary)")
    assert.strictEqual(copyOptionsSql({}), "")
    assert.strictEqual(
      copyOptionsSql({
        format: "csv",
        delimiter: ";",
        null: "it's",
        header: "match",
        quote: "'",
        escape: "\\",
        forceQuote: "*",
        forceNotNull: ["a", 'B"c'],
        encoding: "LATIN1",
        freeze: true,
        onError: "ignore",
        rejectLimit: 3,
        logVerbosity: "silent"
      }),
      `(FORMAT csv, DELIMITER ';', NULL 'it''s', HEADER match, QUOTE '''', ESCAPE E'\\\\', FORCE_QUOTE *, ` +
        `FORCE_NOT_NULL ("a", "B""c"), ENCODING 'LATIN1', FREEZE true, ON_ERROR ignore, REJECT_LIMIT 3, LOG_VERBOSITY silent)`
    )
  })

  it("Y-11: whatever the characters, they are read as they were meant", () => {
    fc.assert(
      fc.property(one, line, one, one, line, (delimiter, none, quote, escape, fallback) => {
        const options: CopyOptions = {
          format: "csv",
          delimiter,
          null: none,
          quote,
          escape,
          default: fallback,
          header: true
        }
        const statement = readCopyStatement(`COPY t FROM STDIN ${copyOptionsSql(options)} WHERE true`)
        if ("issue" in statement) return assert.fail(statement.issue)
        assert.deepInclude(statement.dialect, {
          delimiter,
          null: none,
          quote,
          escape,
          default: fallback,
          headerLines: 1
        })
      })
    )
  })

  it("Y-11: refuses what no server takes", () => {
    const refused: ReadonlyArray<CopyOptions> = [
      { delimiter: "ab" },
      { delimiter: "" },
      { delimiter: "é" },
      { delimiter: "\n" },
      { delimiter: "\0" },
      { format: "csv", quote: '""' },
      { format: "csv", escape: "\r" },
      { null: "a\0b" },
      { null: "a\nb" },
      { encoding: "UTF8\0" },
      { format: "csv", forceQuote: [] },
      { format: "csv", forceNull: ["a\0"] },
      { rejectLimit: 0 },
      { rejectLimit: 1.5 }
    ]
    for (const options of refused)
      assert.throws(() => copyOptionsSql(options), TypeError, "Copy.options", JSON.stringify(options))
  })
})
