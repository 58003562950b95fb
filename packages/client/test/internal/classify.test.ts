import { classNames, conditionNames } from "@pgfx/protocol/SqlState.generated"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { classify, notDefined } from "../../src/internal/classify.ts"

const codes = Object.keys(conditionNames)
const inSession = (code: string) => classify(code, { phase: "session", fatal: false })
const lastWord = (code: string) => classify(code, { phase: "session", fatal: true })
const atStartUp = (code: string) => classify(code, { phase: "startUp", fatal: true })
const said = (of: { readonly class: string; readonly reason: string }) => `${of.class} ${of.reason}`

describe("the table", () => {
  it("knows what each of PostgreSQL's codes is, none by accident", () => {
    expect(codes.length).toBeGreaterThan(250)
    const undecided = [...codes, ...Object.keys(classNames).map((name) => `${name}ZZZ`)].filter(
      (code) => inSession(code) === notDefined
    )
    expect(undecided).toEqual([])
  })
  it("judges codes that it does not know by their class, and texts that are no code at all", () => {
    expect(said(inSession("22ZZZ"))).toBe("Permanent DataException")
    expect(said(inSession("42X99"))).toBe("Permanent SyntaxOrAccessRule")
    for (const nothing of ["", "4", "ZZ001", "constructor", "__proto__", "toString"])
      expect(inSession(nothing)).toBe(notDefined)
  })
  it("answers for any text", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.boolean(),
        fc.constantFrom("session" as const, "startUp" as const),
        (text, fatal, phase) => ["Broken", "Transient", "Permanent"].includes(classify(text, { phase, fatal }).class)
      )
    )
  })
})

describe("an ERROR in a session", () => {
  it("is Transient for exactly three codes", () => {
    const transient = codes.filter((code) => inSession(code).class === "Transient")
    expect(transient.map((code) => `${code} ${inSession(code).reason}`).sort()).toEqual([
      "40001 SerializationFailure",
      "40P01 DeadlockDetected",
      "55P03 LockNotAvailable"
    ])
  })
  it("never breaks the connection, not even with the codes of a session that ends (a parallel worker's, RAISE)", () => {
    expect(codes.filter((code) => inSession(code).class === "Broken")).toEqual([])
  })
  it("names what programs handle", () => {
    const named = {
      "23505": "UniqueViolation",
      "23503": "ForeignKeyViolation",
      "23001": "ForeignKeyViolation",
      "23514": "CheckViolation",
      "23P01": "ExclusionViolation",
      "23502": "NotNullViolation",
      "42601": "SyntaxOrAccessRule",
      "42P01": "SyntaxOrAccessRule",
      "3F000": "SyntaxOrAccessRule",
      "42501": "InsufficientPrivilege",
      "22P02": "DataException",
      "22012": "DataException",
      "25P02": "InFailedSqlTransaction",
      "57014": "QueryCanceled",
      "53100": "OtherServerError",
      P0001: "OtherServerError",
      XX000: "OtherServerError"
    }
    for (const [code, reason] of Object.entries(named))
      expect(`${code} ${said(inSession(code))}`).toBe(`${code} Permanent ${reason}`)
  })
})

describe("a FATAL in a session", () => {
  it("breaks the connection whatever the code", () => {
    expect(codes.filter((code) => lastWord(code).class !== "Broken")).toEqual([])
  })
  it("tells a shutdown and a time-out of the session from a loss", () => {
    const named = {
      "57P01": "AdminShutdown",
      "57P02": "AdminShutdown",
      "57P04": "AdminShutdown",
      "57P05": "SessionTimeout",
      "25P03": "SessionTimeout",
      "25P04": "SessionTimeout",
      "40001": "ConnectionLost",
      "08P01": "ConnectionLost",
      "": "ConnectionLost"
    }
    for (const [code, reason] of Object.entries(named))
      expect(`${code} ${lastWord(code).reason}`).toBe(`${code} ${reason}`)
  })
})

describe("a refusal at start-up", () => {
  it("is Transient where the server has no room or no time", () => {
    for (const code of ["57P03", "53300", "53200", "58000", "58030", "58P01", "57014", "08006"]) {
      expect(`${code} ${atStartUp(code).class}`).toBe(`${code} Transient`)
    }
    expect(atStartUp("53300").reason).toBe("TooManyConnections")
    expect(atStartUp("57P03").reason).toBe("CannotConnectNow")
  })
  it("is Permanent where repeating could lock an account or cannot help", () => {
    for (const code of ["28000", "28P01"]) expect(said(atStartUp(code))).toBe("Permanent AuthenticationFailed")
    for (const code of ["3D000", "22023", "42704", "0A000", "08P01", "XX000", ""]) {
      expect(said(atStartUp(code))).toBe("Permanent ServerRefused")
    }
    expect(said(atStartUp("42501"))).toBe("Permanent InsufficientPrivilege")
  })
})
