import { describe, expect, it } from "vitest"
import { statementWords } from "../../src/internal/sql/words.ts"

const kindOf = (sql: string) => statementWords(sql).kind

describe("statementWords", () => {
  it("finds the first word behind space, comments, semicolons and parentheses", () => {
    expect(statementWords("\n  -- a comment\n /* one /* in */ another */ ; (select 1)").first).toBe("SELECT")
    expect(statementWords("").first).toBe("")
    expect(statementWords("/* never closed").first).toBe("")
    expect(statementWords("-- only a comment").first).toBe("")
  })
  it("knows the words that belong to Transaction", () => {
    for (const sql of [
      "BEGIN",
      "start transaction",
      "Commit",
      "END",
      "abort",
      "ROLLBACK TO x",
      "savepoint a",
      "RELEASE a",
      "PREPARE TRANSACTION 'x'"
    ]) {
      expect(kindOf(sql)).toBe("transaction")
    }
  })
  it("knows COPY", () => expect(kindOf("copy t from stdin")).toBe("copy"))
  it("knows what changes the session", () => {
    for (const sql of [
      "SET work_mem = '1MB'",
      "SET SESSION x = 1",
      "RESET ALL",
      "LISTEN a",
      "UNLISTEN *",
      "DECLARE c CURSOR FOR SELECT 1",
      "PREPARE p AS SELECT 1",
      "DEALLOCATE p",
      "DISCARD ALL",
      "LOAD 'x'",
      "CLOSE c",
      "SELECT set_config('a', 'b', false)",
      "SELECT pg_advisory_lock(1)",
      "CREATE TEMP TABLE t ()",
      "create temporary view v as select 1",
      "SELECT * FROM pg_temp.t"
    ])
      expect(kindOf(sql)).toBe("sessional")
  })
  it("lets statements that end with their transaction share", () => {
    for (const sql of [
      "SET LOCAL a = 1",
      "SET TRANSACTION READ ONLY",
      "SET CONSTRAINTS ALL DEFERRED",
      "SELECT 1",
      "UPDATE t SET a = 1",
      "WITH x AS (SELECT 1) SELECT * FROM x",
      "SELECT temperature FROM t"
    ]) {
      expect(kindOf(sql)).toBe("plain")
    }
  })

  it("tells what may commit by itself", () => {
    const mayCommit = (sql: string) => statementWords(sql).mayCommit
    for (const sql of ["call p()", "DO $$ BEGIN COMMIT; END $$", "do $$ begin call p(); end $$"])
      expect(mayCommit(sql), sql).toBe(true)
    for (const sql of ["DO $$ BEGIN PERFORM recall(1); END $$", "SELECT 'CALL'", "INSERT INTO commits VALUES (1)"])
      expect(mayCommit(sql), sql).toBe(false)
  })
})
