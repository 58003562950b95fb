// What a COPY says of itself, in the spellings that PostgreSQL takes.
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { readCopyStatement } from "../../../src/internal/copy/statement.ts"
import { tokensOf } from "../../../src/internal/copy/tokens.ts"

const read = (sql: string) => {
  const statement = readCopyStatement(sql)
  if ("issue" in statement) return assert.fail(`${sql}: ${statement.issue}`)
  return statement
}
const dialect = (sql: string) => read(sql).dialect

describe("readCopyStatement", () => {
  it("finds table and columns, folded as the server does", () => {
    assert.deepStrictEqual(read('COPY Public."My Table" (Id, "Full Name", ünï, ÜNÏ) FROM STDIN').source, {
      _tag: "Table",
      name: '"public"."My Table"',
      // neither does the server fold what is not ASCII
      columns: ["id", "Full Name", "ünï", "ÜnÏ"]
    })
    assert.deepStrictEqual(read('COPY a /* of */ . U&"d\\0061t\\+000061""" (U&"\\\\") FROM STDIN').source, {
      _tag: "Table",
      name: '"a"."data"""',
      columns: ["\\"]
    })
    assert.deepStrictEqual(read("/* a /* b */ */ -- c\ncopy t to stdout").source, {
      _tag: "Table",
      name: '"t"',
      columns: undefined
    })
  })

  it("finds a query, whatever stands in it, and where it begins", () => {
    const query = ` SELECT ')' || E'\\')' || $$)$$ || $x$ )$$ $x$ AS ")" /* ) */ FROM (VALUES (1)) t -- )\n`
    const { direction, source } = read(`COPY (${query}) TO STDOUT`)
    assert.strictEqual(direction, "out")
    assert.deepStrictEqual(source, { _tag: "Query", sql: query, offset: 6 })
  })

  it("takes either word for the client, and no other source", () => {
    assert.strictEqual(read("COPY t FROM STDOUT").direction, "in")
    assert.strictEqual(read("COPY t TO STDIN").direction, "out")
    for (const sql of [
      "COPY t FROM '/etc/passwd'",
      "COPY t FROM PROGRAM 'cat'",
      "COPY t TO '/tmp/stdout'",
      "COPY (SELECT 1",
      "COPY t (a FROM STDIN",
      "COPY",
      "",
      "SELECT 'COPY t FROM STDIN'",
      "COPY t FROM STDIN (FORMAT parquet)"
    ]) {
      assert.property(readCopyStatement(sql), "issue", sql)
    }
  })

  it("knows the defaults of every format", () => {
    assert.deepInclude(dialect("COPY t TO STDOUT"), { format: "text", delimiter: "\t", null: "\\N", headerLines: 0 })
    assert.deepInclude(dialect("COPY t TO STDOUT (FORMAT 'CSV')"), {
      format: "csv",
      delimiter: ",",
      null: "",
      quote: '"',
      escape: '"'
    })
    assert.deepInclude(dialect("COPY t TO STDOUT WITH (FORMAT binary)"), { format: "binary" })
  })

  it("reads options in a list", () => {
    const sql = `COPY t FROM STDIN WITH (FORMAT csv, DELIMITER E'\\t', NULL 'it''s', HEADER match, QUOTE $$'$$, ESCAPE '\\',
      FORCE_NOT_NULL (a, "b"), FORCE_QUOTE *, ENCODING 'LATIN1', DEFAULT 'd', ON_ERROR ignore, REJECT_LIMIT 3) WHERE a > 1`
    assert.deepStrictEqual(dialect(sql), {
      format: "csv",
      delimiter: "\t",
      null: "it's",
      headerLines: 1,
      quote: "'",
      escape: "\\",
      default: "d",
      encoding: "LATIN1",
      forcesNull: true
    })
    assert.strictEqual(dialect("COPY t TO STDOUT (HEADER false)").headerLines, 0)
    assert.strictEqual(dialect("COPY t TO STDOUT (FORMAT csv, HEADER)").headerLines, 1)
  })

  it("reads options as before 9.0", () => {
    const sql = `COPY BINARY t FROM STDIN`
    assert.deepInclude(dialect(sql), { format: "binary" })
    assert.deepInclude(
      dialect("COPY t TO STDOUT WITH CSV HEADER DELIMITER AS ';' NULL AS 'x' QUOTE '''' FORCE QUOTE a, b"),
      {
        format: "csv",
        headerLines: 1,
        delimiter: ";",
        null: "x",
        quote: "'"
      }
    )
    assert.deepInclude(dialect("COPY t FROM STDIN USING DELIMITERS '|' WITH NULL AS ''"), { delimiter: "|", null: "" })
    assert.isTrue(dialect("COPY t FROM STDIN CSV FORCE NOT NULL a").forcesNull)
  })

  it("answers whatever the text", () => {
    const words = fc.constantFrom(
      "COPY",
      "(",
      ")",
      "t",
      "FROM",
      "TO",
      "STDIN",
      "'",
      '"',
      "$$",
      "$a$",
      "/*",
      "*/",
      "--",
      "\n",
      ",",
      "CSV",
      "NULL",
      "E'\\",
      ".",
      "FORCE",
      "\0"
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(words).map((all) => all.join(" ")),
          fc.fullUnicodeString()
        ),
        (sql) => {
          readCopyStatement(sql)
          let at = 0
          for (const token of tokensOf(sql)) {
            assert.isAtLeast(token.start, at)
            assert.isAbove(token.end, token.start)
            at = token.end
          }
        }
      )
    )
  })
})
