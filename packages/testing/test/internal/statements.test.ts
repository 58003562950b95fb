// What a server that does as it is told says to a statement, and where one statement ends and the next begins.
import { describe, expect, it } from "vitest"
import {
  isSessionReset,
  isStatement,
  splitStatements,
  statusAfter,
  success,
  tagOf
} from "../../src/internal/statements.ts"

describe("statements", () => {
  it("are parted at semicolons, but not at those in literals and names", () => {
    expect(splitStatements("SELECT 1; SELECT ';' ;; SELECT \"a;b\", 'it''s;' ; ")).toEqual([
      "SELECT 1",
      "SELECT ';'",
      "SELECT \"a;b\", 'it''s;'"
    ])
    expect(splitStatements(" ; ")).toEqual([])
  })

  it("are meant by their beginning", () => {
    expect(isStatement("UPDATE\n  counters SET n = 1", "UPDATE counters")).toBe(true)
    expect(isStatement("UPDATE counters", "UPDATE counters SET")).toBe(false)
    expect(isStatement("update counters", "UPDATE counters")).toBe(false)
  })

  it("are answered with the server's tags", () => {
    const tags = {
      "BEGIN ISOLATION LEVEL SERIALIZABLE": "BEGIN",
      "START TRANSACTION": "START TRANSACTION",
      "INSERT INTO t VALUES (1)": "INSERT 0 1",
      "update t SET a = 1": "UPDATE 1",
      "SELECT 1": "SELECT 0",
      "CREATE TABLE t ()": "CREATE TABLE",
      "SAVEPOINT a": "SAVEPOINT",
      END: "COMMIT",
      ABORT: "ROLLBACK"
    }
    for (const [sql, tag] of Object.entries(tags)) expect(tagOf(sql), sql).toBe(tag)
  })

  it("open and end transactions", () => {
    expect(statusAfter("BEGIN", "I")).toBe("T")
    expect(statusAfter("COMMIT", "T")).toBe("I")
    expect(statusAfter("ROLLBACK", "E")).toBe("I")
    expect(statusAfter("ROLLBACK TO SAVEPOINT a", "E")).toBe("T")
    expect(statusAfter("UPDATE t SET a = 1", "T")).toBe("T")
  })

  it("fail in a failed transaction, where COMMIT is a ROLLBACK", () => {
    const answer = (sql: string) => success(sql, "E").map((message) => ("tag" in message ? message.tag : message._tag))
    expect(answer("COMMIT")).toEqual(["ROLLBACK"])
    expect(answer("ROLLBACK TO SAVEPOINT a")).toEqual(["ROLLBACK"])
    expect(answer("SELECT 1")).toEqual(["ErrorResponse"])
  })

  it("that the client says for itself are told from those of a program", () => {
    expect(isSessionReset("CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL")).toBe(true)
    expect(isSessionReset("DISCARD ALL")).toBe(true)
    expect(isSessionReset("CLOSE ALL")).toBe(false)
  })
})
