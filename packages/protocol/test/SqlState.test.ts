// The table against the server's own, and the functions around it.
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { classNames, conditionNames } from "../src/SqlState.generated.ts"
import { classOf, conditionName, isSqlState, sqlStateOf, sqlStatesOf } from "../src/SqlState.ts"

const codes = Object.keys(conditionNames)

/** share/errcodes.txt of a PostgreSQL that npm installed, or why there is none. */
const errcodes = (version: number): string | { readonly missing: string } => {
  const name = `postgres-${version}-${process.platform}-${process.arch}`
  const file = new URL(`../../../node_modules/${name}/native/share/postgresql/errcodes.txt`, import.meta.url)
  return existsSync(file) ? readFileSync(file, "utf8") : { missing: `${name} is not installed` }
}

describe("the table", () => {
  it("has the 262 codes of PostgreSQL 18 and the one that 17 retired, each well-formed and in a named class", () => {
    expect(codes).toHaveLength(263)
    expect(Object.keys(classNames)).toHaveLength(44)
    for (const code of codes) {
      expect(isSqlState(code), code).toBe(true)
      expect(classOf(code)?.name, code).toBeDefined()
    }
  })

  it("gives every class its generic code, but for those PostgreSQL leaves without one", () => {
    const without = Object.keys(classNames).filter((of) => conditionName(`${of}000`) === undefined)
    // XQuery's class is defined by its one code, 10608.
    expect(without).toEqual(["10"])
  })

  it("names no class twice", () => {
    const names = Object.values(classNames)
    expect(new Set(names).size).toBe(names.length)
    for (const [code, name] of Object.entries(classNames)) expect(classOf(`${code}ZZZ`)).toEqual({ code, name })
  })

  it("is what the generator writes", () => {
    const script = fileURLToPath(new URL("../../../scripts/generate-sqlstate.mjs", import.meta.url))
    expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow()
  })

  for (const version of [14, 15, 16, 17, 18]) {
    it(`knows every code of PostgreSQL ${version} by the server's own name`, (context) => {
      const text = errcodes(version)
      if (typeof text !== "string") return context.skip(text.missing)
      const lines = text.split("\n").map((line) => /^([0-9A-Z]{5})\s+[EWS]\s+\S+\s+(\S+)\s*$/.exec(line))
      const server = lines.flatMap((match) => (match === null ? [] : [[match[1], match[2]] as const]))
      expect(server.length).toBeGreaterThan(255)
      for (const [code, name] of server) expect([code, conditionName(code ?? "")]).toEqual([code, name])
      if (version === 18) {
        const known = new Set(server.map(([code]) => code))
        expect(codes.filter((code) => !known.has(code))).toEqual(["72000"])
      }
    })
  }
})

describe("conditionName and sqlStateOf", () => {
  const anchors: ReadonlyArray<readonly [string, string]> = [
    ["00000", "successful_completion"],
    ["01000", "warning"],
    ["08P01", "protocol_violation"],
    ["22P02", "invalid_text_representation"],
    ["23505", "unique_violation"],
    ["25P03", "idle_in_transaction_session_timeout"],
    ["25P04", "transaction_timeout"],
    ["28P01", "invalid_password"],
    ["3D000", "invalid_catalog_name"],
    ["40001", "serialization_failure"],
    ["40P01", "deadlock_detected"],
    ["42P01", "undefined_table"],
    ["42703", "undefined_column"],
    ["53300", "too_many_connections"],
    ["57014", "query_canceled"],
    ["57P01", "admin_shutdown"],
    ["57P03", "cannot_connect_now"],
    ["58P03", "file_name_too_long"],
    ["72000", "snapshot_too_old"],
    ["XX000", "internal_error"]
  ]
  for (const [code, name] of anchors) {
    it(`${code} is ${name}, both ways`, () => {
      expect(conditionName(code)).toBe(name)
      expect(sqlStateOf(name)).toBe(code)
    })
  }

  it("lead back to the code from every name", () => {
    for (const code of codes) {
      const name = conditionName(code)
      expect(sqlStatesOf(name ?? "")).toContain(code)
    }
  })

  it("give both codes of the five names that have two, and prefer the error to the warning", () => {
    const names = new Set(Object.values(conditionNames))
    const ambiguous = [...names].filter((name) => sqlStatesOf(name).length > 1).sort()
    expect(ambiguous).toEqual([
      "modifying_sql_data_not_permitted",
      "null_value_not_allowed",
      "prohibited_sql_statement_attempted",
      "reading_sql_data_not_permitted",
      "string_data_right_truncation"
    ])
    expect(sqlStatesOf("string_data_right_truncation")).toEqual(["01004", "22001"])
    expect(sqlStateOf("string_data_right_truncation")).toBe("22001")
    expect(sqlStateOf("null_value_not_allowed")).toBe("22004")
    expect(sqlStateOf("warning")).toBe("01000")
  })

  it("know nothing of codes and names that PostgreSQL does not define, those of Object.prototype included", () => {
    for (const text of ["23Z99", "23", "", "23505 ", "xx000", "constructor", "__proto__", "toString"]) {
      expect(conditionName(text)).toBeUndefined()
      expect(sqlStateOf(text)).toBeUndefined()
      expect(sqlStatesOf(text)).toEqual([])
    }
  })
})

describe("classOf", () => {
  it("puts user-defined codes into the class their first two characters name", () => {
    expect(classOf("23505")).toEqual({ code: "23", name: "Integrity Constraint Violation" })
    expect(classOf("23Z99")).toEqual({ code: "23", name: "Integrity Constraint Violation" })
    expect(classOf("P0999")).toEqual({ code: "P0", name: "PL/pgSQL Error" })
    expect(classOf("HV0ZZ")).toEqual({ code: "HV", name: "Foreign Data Wrapper Error" })
  })
  it("keeps the two characters of a class it has no name for", () => {
    expect(classOf("ZZ123")).toEqual({ code: "ZZ", name: undefined })
  })
  it("answers nothing for what is no SQLSTATE", () => {
    for (const text of ["", "23", "2350", "235055", "23a05", "23 05", "23505\n", "２３５０５"]) {
      expect(classOf(text)).toBeUndefined()
    }
  })
  it("agrees with isSqlState on any text", () => {
    fc.assert(fc.property(fc.string(), (text) => (classOf(text) !== undefined) === isSqlState(text)))
  })
})
