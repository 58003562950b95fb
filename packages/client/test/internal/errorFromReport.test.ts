import type { ReportFields } from "@pgfx/protocol"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { errorFromReport, type ReportContext, serverReport } from "../../src/internal/errorFromReport.ts"
import { PostgresError } from "../../src/PostgresError.ts"

const inSession: ReportContext = { phase: "session", outcome: "Unknown" }
const atStartUp: ReportContext = { phase: "startUp", outcome: "Unknown" }
const error = (code: string, more: ReportFields = {}): ReportFields => ({
  severity: "FEHLER",
  severityNonLocalized: "ERROR",
  code,
  message: "m",
  ...more
})
const fatal = (code: string, more: ReportFields = {}): ReportFields => ({
  ...error(code, more),
  severityNonLocalized: "FATAL"
})
const told = (e: PostgresError) => `${e._tag} ${e.reason._tag} ${e.outcome}`

describe("the report", () => {
  it("holds every field that was sent, and no other", () => {
    const fields: ReportFields = {
      severity: "FEHLER",
      severityNonLocalized: "ERROR",
      code: "42703",
      message: "m",
      detail: "d",
      hint: "h",
      position: 3,
      internalPosition: 4,
      internalQuery: "q",
      where: "w",
      schema: "s",
      table: "t",
      column: "c",
      dataType: "dt",
      constraint: "n",
      file: "f",
      line: 5,
      routine: "r"
    }
    const { code, severity: _localized, severityNonLocalized, ...rest } = fields
    expect(serverReport(fields)).toEqual({ ...rest, severity: severityNonLocalized, sqlState: code })
    expect(serverReport({})).toEqual({ severity: "ERROR", sqlState: "", message: "" })
  })
  it("takes the severity that is never translated; without it, the other if it is one of the words", () => {
    expect(serverReport({ severity: "FATAL" }).severity).toBe("FATAL")
    expect(serverReport({ severity: "SCHWERWIEGEND" }).severity).toBe("ERROR")
    expect(serverReport({ severity: "HINWEIS" }, "NOTICE").severity).toBe("NOTICE")
    expect(serverReport({ severity: "ERROR", severityNonLocalized: "PANIC" }).severity).toBe("PANIC")
  })
  it("becomes an error whatever the fields hold", () => {
    const text = fc.option(fc.string({ unit: "binary" }), { nil: undefined })
    const fields = fc.record(
      {
        severityNonLocalized: fc.constantFrom("ERROR", "FATAL", "PANIC", "NOTICE", "?"),
        code: text.map((t) => t ?? "25P02"),
        message: fc.string({ unit: "binary" }),
        detail: fc.string(),
        where: fc.string(),
        internalQuery: fc.string({ unit: "binary" }),
        internalPosition: fc.integer(),
        position: fc.integer()
      },
      { requiredKeys: [] }
    )
    fc.assert(
      fc.property(fields, fc.string({ unit: "binary" }), (sent, sql) => {
        const made = errorFromReport(sent, { ...inSession, statement: { name: undefined, sql, definedAt: "unknown" } })
        return PostgresError.is(made) && made.toString() !== "" && !/[^\P{Cc}\n]/u.test(made.toString())
      })
    )
  })
})

describe("the outcome", () => {
  it("is RolledBack after any ERROR, whatever would be true if the connection had just ended", () => {
    expect(told(errorFromReport(error("22P02"), inSession))).toBe("Permanent DataException RolledBack")
    expect(told(errorFromReport(error("40001"), inSession))).toBe("Transient SerializationFailure RolledBack")
    expect(told(errorFromReport(error("26000"), { ...inSession, outcome: "NotSent" }))).toBe(
      "Permanent OtherServerError NotSent"
    )
  })
  it("is what the exchange knows after a FATAL", () => {
    expect(told(errorFromReport(fatal("57P01"), inSession))).toBe("Broken AdminShutdown Unknown")
    expect(told(errorFromReport(fatal("57P01"), { ...inSession, outcome: "RolledBack" }))).toBe(
      "Broken AdminShutdown RolledBack"
    )
    expect(told(errorFromReport(fatal("XX000"), inSession))).toBe("Broken ConnectionLost Unknown")
  })
  it("is NotSent if the server was waiting for a command when it ended the session, RolledBack in a transaction", () => {
    expect(told(errorFromReport(fatal("57P05"), inSession))).toBe("Broken SessionTimeout NotSent")
    expect(told(errorFromReport(fatal("25P03"), inSession))).toBe("Broken SessionTimeout RolledBack")
    expect(told(errorFromReport(fatal("25P03"), { ...inSession, outcome: "NotSent" }))).toBe(
      "Broken SessionTimeout NotSent"
    )
    // transaction_timeout strikes in the middle of a statement
    expect(told(errorFromReport(fatal("25P04"), inSession))).toBe("Broken SessionTimeout Unknown")
  })
  it("is NotSent during start-up", () => {
    expect(told(errorFromReport(fatal("53300"), atStartUp))).toBe("Transient TooManyConnections NotSent")
    expect(told(errorFromReport(fatal("28P01"), atStartUp))).toBe("Permanent AuthenticationFailed NotSent")
    expect(told(errorFromReport(fatal("57P01"), atStartUp))).toBe("Broken AdminShutdown NotSent")
  })
})

describe("reasons", () => {
  it("name the constraint and the table, or nothing where the server did not", () => {
    const named = errorFromReport(error("23505", { constraint: "users_email_key", table: "users" }), inSession)
    expect(named.reason).toMatchObject({ _tag: "UniqueViolation", constraint: "users_email_key", table: "users" })
    expect(errorFromReport(error("23514"), inSession).reason).toMatchObject({
      _tag: "CheckViolation",
      constraint: "",
      table: ""
    })
    const missing = errorFromReport(error("23502", { column: "n", table: "t" }), inSession)
    expect(missing.reason).toMatchObject({ _tag: "NotNullViolation", column: "n", table: "t" })
  })
  it("tell PgBouncer's passing states from its refusals, which share a code", () => {
    const pooler = (message: string) => told(errorFromReport(fatal("08P01", { message }), atStartUp))
    expect(pooler("server login has been failing, cached error: x (server_login_retry)")).toBe(
      "Transient CannotConnectNow NotSent"
    )
    expect(pooler("no more connections allowed (max_client_conn)")).toBe("Transient TooManyConnections NotSent")
    expect(pooler("no such database: x")).toBe("Permanent ServerRefused NotSent")
    expect(pooler("password authentication failed")).toBe("Permanent ServerRefused NotSent")
    // only during start-up: later the connection is simply gone
    expect(told(errorFromReport(fatal("08P01", { message: "server shutting down" }), inSession))).toBe(
      "Broken ConnectionLost Unknown"
    )
  })
})

describe("57014", () => {
  const canceled = (message: string, facts: Partial<ReportContext> = {}) =>
    errorFromReport(error("57014", { message }), { ...inSession, ...facts }).reason
  const german = "storniere Anfrage wegen Zeitüberschreitung der Anweisung"

  it("is the statement's own timeout if our deadline sent the cancel", () => {
    expect(canceled("canceling statement due to user request", { cancelSent: { deadlineMillis: 250 } })).toEqual({
      _tag: "StatementTimeout",
      afterMillis: 250
    })
  })
  it("is a request if we sent a cancel for the caller, whatever the text says", () => {
    expect(canceled("canceling statement due to statement timeout", { cancelSent: "caller" })).toMatchObject({
      by: "user request"
    })
  })
  it("is what the server's sentence says, if it speaks English", () => {
    expect(canceled("canceling statement due to statement timeout")).toMatchObject({ by: "statement timeout" })
    expect(canceled("canceling statement due to lock timeout")).toMatchObject({ by: "lock timeout" })
    expect(canceled("canceling statement due to user request", { statementTimeoutSet: true })).toMatchObject({
      by: "user request"
    })
  })
  it("is statement_timeout in another language if this client set one, else somebody's request", () => {
    expect(canceled(german, { statementTimeoutSet: true })).toMatchObject({ by: "statement timeout" })
    expect(canceled(german)).toMatchObject({ _tag: "QueryCanceled", by: "user request" })
  })
})

describe("25P02", () => {
  const first = errorFromReport(error("40001"), inSession)
  it("takes class and reason of the error that failed the transaction, which is its cause", () => {
    const sibling = errorFromReport(error("25P02"), { ...inSession, failedBy: first })
    expect(told(sibling)).toBe("Transient SerializationFailure RolledBack")
    expect(sibling.cause).toBe(first)
    expect(PostgresError.isSafeToRetry(sibling)).toBe(true)
  })
  it("points to the first failure, however many inherited from it", () => {
    const second = errorFromReport(error("25P02"), { ...inSession, failedBy: first })
    const third = errorFromReport(error("25P02"), { ...inSession, failedBy: second })
    expect(third.cause).toBe(first)
  })
  it("stands for itself if nobody knows what failed", () => {
    expect(told(errorFromReport(error("25P02"), inSession))).toBe("Permanent InFailedSqlTransaction RolledBack")
  })
  it("does not touch other codes", () => {
    expect(told(errorFromReport(error("42601"), { ...inSession, failedBy: first }))).toBe(
      "Permanent SyntaxOrAccessRule RolledBack"
    )
  })
})
