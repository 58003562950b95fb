import { describe, expect, it } from "vitest"
import { errorFromReport } from "../../../src/internal/errorFromReport.ts"
import type { PoolHolder } from "../../../src/PostgresError.ts"
import { Broken, Permanent, Transient } from "../../../src/PostgresError.ts"

const sql = `SELECT name
FROM   country
WHERE  popsulation > $1
AND    region = $2`
const countriesAbove = { name: "countriesAbove", sql, definedAt: "src/Country.ts:14" }
const healthy = "the connection is healthy; no transaction was open"
const session = { phase: "session", outcome: "RolledBack" } as const

/** The lines of a golden text stand at the indentation of the first. */
const golden = (text: string): string => {
  const lines = text.split("\n").slice(1, -1)
  const indent = /^ */.exec(lines[0] ?? "")?.[0].length ?? 0
  return lines.map((line) => line.slice(indent)).join("\n")
}

describe("a mistake in the SQL", () => {
  const mistake = errorFromReport(
    {
      severityNonLocalized: "ERROR",
      code: "42703",
      message: `column "popsulation" does not exist`,
      hint: `Perhaps you meant to reference the column "country.population".`,
      position: sql.indexOf("popsulation") + 1
    },
    {
      ...session,
      statement: countriesAbove,
      parameters: [
        { name: "population", type: "int4" },
        { name: "region", type: "text" }
      ],
      state: healthy
    }
  )

  it("is shown as style.md §6 promises", () => {
    expect(mistake.toString()).toBe(
      golden(`
        Permanent  undefined_column (42703): column "popsulation" does not exist

          in query "countriesAbove", defined at src/Country.ts:14

          2 │ FROM   country
          3 │ WHERE  popsulation > $1
            │        ╰── this column does not exist
          4 │ AND    region = $2

          with    $1 population int4, $2 region text   (values not recorded)
          hint    Perhaps you meant to reference the column "country.population".
          state   the connection is healthy; no transaction was open
      `)
    )
  })
  it("is one paragraph as a message", () => {
    expect(mistake.message).toBe(
      `undefined_column (42703): column "popsulation" does not exist, in query "countriesAbove", defined at src/Country.ts:14. ` +
        `Hint: Perhaps you meant to reference the column "country.population". The connection is healthy; no transaction was open.`
    )
  })
  it("names the place alone if the statement has no name, and neither if nothing is known", () => {
    const place = (name: string | undefined, definedAt: string) =>
      errorFromReport({ code: "42601", message: "m" }, { ...session, statement: { name, sql: "", definedAt } }).message
    expect(place(undefined, "src/Q.ts:1")).toBe(
      "syntax_error (42601): m, in the query defined at src/Q.ts:1. The statement was rolled back."
    )
    expect(place("q", "unknown")).toBe(`syntax_error (42601): m, in query "q". The statement was rolled back.`)
    expect(place(undefined, "unknown")).toBe("syntax_error (42601): m. The statement was rolled back.")
  })
})

describe("a mistake inside a function", () => {
  it("shows the function's statement with the caret in it, its literals blotted out, and where it was called from", () => {
    const error = errorFromReport(
      {
        code: "22P02",
        message: `invalid input syntax for type integer: "canary"`,
        internalQuery: "select 'canary'::int",
        internalPosition: 8,
        where: "PL/pgSQL function f(text) line 1 at EXECUTE",
        routine: "pg_strtoint32"
      },
      {
        ...session,
        statement: { name: "call", sql: "SELECT f($1)", definedAt: "src/F.ts:2" },
        parameters: [{ name: "a", type: "text" }]
      }
    )
    expect(error.toString()).toBe(
      golden(`
        Permanent  invalid_text_representation (22P02): invalid input syntax for type integer: "…"

          in query "call", defined at src/F.ts:2

          1 │ SELECT f($1)

          in a statement that the server ran for it

          1 │ select '······'::int
            │        ╰── this value does not fit

          with    $1 a text   (values not recorded)
          where   PL/pgSQL function f(text) line 1 at EXECUTE
          state   the statement was rolled back
      `)
    )
  })
})

describe("a constraint", () => {
  it("is told with the line that would catch it, without the row", () => {
    const error = errorFromReport(
      {
        code: "23505",
        message: `duplicate key value violates unique constraint "users_email_key"`,
        detail: "Key (email)=(canary@b.c) already exists.",
        constraint: "users_email_key",
        table: "users"
      },
      {
        ...session,
        statement: { name: "setEmail", sql: "UPDATE users\nSET    email = $1", definedAt: "src/User.ts:7" },
        state: healthy
      }
    )
    expect(error.toString()).toBe(
      golden(`
        Permanent  unique_violation (23505): duplicate key value violates unique constraint "users_email_key"

          in query "setEmail", defined at src/User.ts:7

          1 │ UPDATE users
          2 │ SET    email = $1

          detail  (not shown: it may hold values)
          hint    PostgresError.catchConstraints({ "users_email_key": … }) makes an error of your own of it
          state   the connection is healthy; no transaction was open
      `)
    )
  })
})

describe("a statement behind the one that failed", () => {
  it("says that it was not run, and shows the first failure", () => {
    const state = "the connection is healthy; the transaction has failed"
    const first = errorFromReport(
      { code: "40001", message: "could not serialize access due to concurrent update" },
      { ...session, statement: { name: "debit", sql: "UPDATE accounts", definedAt: "src/A.ts:1" }, state }
    )
    const second = errorFromReport(
      { code: "25P02", message: "current transaction is aborted" },
      {
        ...session,
        failedBy: first,
        statement: { name: "credit", sql: "UPDATE accounts", definedAt: "src/A.ts:5" },
        state
      }
    )
    expect(second.toString()).toBe(
      golden(`
        Transient  serialization_failure (40001): could not serialize access due to concurrent update

          in query "credit", defined at src/A.ts:5; it was not run: an earlier failure had ended the transaction

          first   Transient  serialization_failure (40001): could not serialize access due to concurrent update

                    in query "debit", defined at src/A.ts:1

                    1 │ UPDATE accounts

                    hint    repeat the transaction as a whole: Transaction.run inside, Retry.transient around it
                    state   the connection is healthy; the transaction has failed
          state   the connection is healthy; the transaction has failed
      `)
    )
  })
})

describe("a full pool", () => {
  const holder = (fiber: string, heldMillis: number, doing?: string, own = false): PoolHolder => ({
    fiber,
    doing,
    heldMillis,
    own
  })
  const timeout = (more: Partial<Extract<Transient["reason"], { _tag: "PoolTimeout" }>>) =>
    new Transient({
      reason: {
        _tag: "PoolTimeout",
        waitedMillis: 5000,
        busy: 2,
        max: 2,
        waiting: 37,
        longest: undefined,
        holders: [],
        lastConnectError: undefined,
        ...more
      },
      outcome: "NotSent",
      statement: countriesAbove
    })

  it("tells how long we waited, who holds, and the remedies in order", () => {
    const error = timeout({
      longest: `"report"`,
      holders: [holder("#12", 61_200, `"report"`), holder("#7", 5_100, undefined, true)]
    })
    expect(error.toString()).toBe(
      golden(`
        Transient  PoolTimeout: no connection after 5 s: 2 of 2 busy, 37 requests waiting; the longest runs "report"

          in query "countriesAbove", defined at src/Country.ts:14

          connections are held by
            #12 for 61.2 s, running "report"
            #7 for 5.1 s, running nothing; this is the fiber that waits

          hint    1. this fiber waits while it holds a connection itself: run the inner statement in the same Transaction or Session.pin
                  2. release sooner what is held longest, 61.2 s by now: no waiting for anything but the database inside a transaction, a stream or a pin
                  3. make the slowest statements faster
                  4. raise pool.max, as far as the server's max_connections allows
                  5. raise pool.acquireTimeout, if waiting longer is acceptable
          state   nothing was sent
      `)
    )
  })
  it("begins with the server if that cannot be reached", () => {
    const lastConnectError = new Broken({
      reason: { _tag: "ConnectFailed", address: "db:5432", cause: new Error("connect ECONNREFUSED 10.0.0.1:5432") },
      outcome: "NotSent"
    })
    expect(timeout({ busy: 0, waiting: 1, lastConnectError }).message).toBe(
      `PoolTimeout: no connection after 5 s: 0 of 2 busy, 1 request waiting, in query "countriesAbove", defined at src/Country.ts:14. ` +
        `Hint: make the server reachable; the last attempt to connect failed with ConnectFailed: could not connect to db:5432: ` +
        `connect ECONNREFUSED 10.0.0.1:5432. Nothing was sent.`
    )
  })
  it("names the chain of a deadlock", () => {
    const error = new Permanent({
      reason: { _tag: "PoolDeadlock", chain: ["#3 holds a connection for a stream and waits", "#3 is the newcomer"] },
      outcome: "NotSent"
    })
    expect(error.toString()).toBe(
      golden(`
        Permanent  PoolDeadlock: every connection is held by a fiber that waits for another one here

          who waits for whom
            #3 holds a connection for a stream and waits
            #3 is the newcomer

          hint    run the inner statements in the same Transaction or Session.pin, or raise pool.max above the number of fibers that nest
          state   nothing was sent
      `)
    )
  })
})

describe("a protocol violation", () => {
  it("tells state, expected, received, the last twenty messages, and where to report it", () => {
    const transcript = Array.from({ length: 25 }, (_, n) => `B\t${n}\tDataRow`)
    const error = new Broken({
      reason: {
        _tag: "ProtocolViolation",
        during: "the answer to Bind",
        expected: "BindComplete or ErrorResponse",
        received: "DataRow\u001b[2J",
        transcript
      },
      outcome: "RolledBack",
      state: "the connection was destroyed"
    })
    expect(error.toString()).toBe(
      [
        "Broken  ProtocolViolation: during the answer to Bind: expected BindComplete or ErrorResponse, received DataRow\\x1b[2J",
        "",
        "  the last messages, oldest first",
        ...Array.from({ length: 20 }, (_, n) => `    B ${n + 5} DataRow`),
        "",
        "  hint    if a pooler or proxy stands in between, try without it; otherwise report this text to the maintainers of pgfx",
        "  state   the connection was destroyed"
      ].join("\n")
    )
  })
})

describe("values that do not fit", () => {
  it("are shown as a table of findings", () => {
    const error = new Permanent({
      reason: {
        _tag: "StatementMismatch",
        findings: [
          { severity: "error", at: { column: "createdAt" }, message: "timestamptz cannot be read as Schema.Boolean" },
          {
            severity: "error",
            at: { parameter: "email" },
            message: "Schema.Number encodes a number, the server expects text"
          },
          {
            severity: "warning",
            at: { column: "総計" },
            message: "numeric is read as Schema.Number: fractions are rounded"
          }
        ]
      },
      outcome: "NotSent",
      statement: countriesAbove,
      state: "the connection is healthy"
    })
    expect(error.toString()).toBe(
      golden(`
        Permanent  StatementMismatch: the statement and its Schemas disagree: 3 findings

          in query "countriesAbove", defined at src/Country.ts:14

          error    column "createdAt"  timestamptz cannot be read as Schema.Boolean
          error    parameter "email"   Schema.Number encodes a number, the server expects text
          warning  column "総計"       numeric is read as Schema.Number: fractions are rounded

          state   nothing was sent; the connection is healthy
      `)
    )
    expect(error.message).toBe(
      'StatementMismatch: the statement and its Schemas disagree: 3 findings: column "createdAt" timestamptz cannot be read as Schema.Boolean; parameter "email" Schema.Number encodes a number, the server expects text; column "総計" numeric is read as Schema.Number: fractions are rounded, in query "countriesAbove", defined at src/Country.ts:14. Nothing was sent; the connection is healthy.'
    )
  })
  it("name the column, the row and the server's type", () => {
    const error = new Permanent({
      reason: {
        _tag: "InvalidRow",
        column: "age",
        row: 18,
        issue: "expected Int, actual number (value not recorded)",
        serverType: "float8",
        table: "person"
      },
      outcome: "Committed",
      statement: { name: "adults", sql: "SELECT age FROM person", definedAt: "src/Person.ts:9" },
      state: "the connection is healthy"
    })
    expect(error.toString()).toBe(
      golden(`
        Permanent  InvalidRow: column "age" of row 18: expected Int, actual number (value not recorded)

          in query "adults", defined at src/Person.ts:9

          column  float8, from table person
          state   the statement was committed; the connection is healthy
      `)
    )
  })
  it("name the parameter, and the setting", () => {
    const parameter = new Permanent({
      reason: { _tag: "InvalidParameter", parameter: "age", issue: "expected Int, actual number (value not recorded)" },
      outcome: "NotSent"
    })
    expect(parameter.message).toBe(
      `InvalidParameter: parameter "age": expected Int, actual number (value not recorded). Nothing was sent.`
    )
    const setting = new Permanent({
      reason: { _tag: "InvalidSettings", key: "sslmod", issue: "no such setting; did you mean sslmode?" },
      outcome: "NotSent"
    })
    expect(setting.message).toBe(
      `InvalidSettings: setting "sslmod": no such setting; did you mean sslmode? Nothing was sent.`
    )
  })
})

describe("what is true now", () => {
  const closed = (outcome: "NotSent" | "RolledBack" | "Unknown") =>
    new Broken({
      reason: { _tag: "ConnectionLost", cause: new Error("read ECONNRESET") },
      outcome,
      state: "the connection is gone"
    }).message
  it("is said in front of the connection's state", () => {
    expect(closed("NotSent")).toBe(
      "ConnectionLost: the connection was lost: read ECONNRESET. Nothing was sent; the connection is gone."
    )
    expect(closed("Unknown")).toBe(
      "ConnectionLost: the connection was lost: read ECONNRESET. Hint: find out whether it took effect before you repeat it; " +
        "Retry.idempotent repeats what may run twice. Whether the statement took effect is not known; the connection is gone."
    )
  })
  it("counts a statement inside an open transaction as pending", () => {
    const error = new Permanent({
      reason: { _tag: "UnexpectedRowCount", expected: "exactly one", actual: 2 },
      outcome: "Pending"
    })
    expect(error.message).toMatch(
      /^UnexpectedRowCount: expected exactly one row, received 2 rows\..* The statement took effect, in a transaction that is still open\.$/
    )
  })
})

describe("a connection that was not made", () => {
  it("says what failed, and the words of the cause", () => {
    const message = (cause: unknown) =>
      new Broken({
        reason: { _tag: "TlsFailed", check: "the revocation list", cause },
        outcome: "NotSent"
      }).message
    expect(message(new Error("altnames do not match"))).toBe(
      "TlsFailed: TLS was not established; what failed is the revocation list: altnames do not match. Nothing was sent."
    )
    expect(message(undefined)).toBe(
      "TlsFailed: TLS was not established; what failed is the revocation list. Nothing was sent."
    )
  })
  it("names every address that was tried", () => {
    const tried = new AggregateError([
      new Error("connect ECONNREFUSED ::1:5432"),
      new Error("connect ECONNREFUSED 127.0.0.1:5432")
    ])
    const error = new Broken({
      reason: { _tag: "ConnectFailed", address: "localhost:5432", cause: tried },
      outcome: "NotSent"
    })
    expect(error.message).toContain(
      "could not connect to localhost:5432: connect ECONNREFUSED ::1:5432; connect ECONNREFUSED 127.0.0.1:5432."
    )
  })
  it("names the setting that would allow what our policy refused", () => {
    const error = new Permanent({
      reason: {
        _tag: "AuthenticationRefused",
        method: "md5",
        issue: "only scram-sha-256 is allowed",
        setting: "requireAuth"
      },
      outcome: "NotSent"
    })
    expect(error.message).toBe(
      "AuthenticationRefused: md5 was refused by this client: only scram-sha-256 is allowed. " +
        "Hint: if this is acceptable, say so with the setting requireAuth. Nothing was sent."
    )
  })
  it("says where a password that is missing may come from, and where it was asked for", () => {
    const error = new Permanent({
      reason: { _tag: "AuthenticationRefused", method: "md5", issue: "none is configured", setting: "password" },
      outcome: "NotSent",
      state: "no session was opened at db:5432"
    })
    expect(error.message).toBe(
      "AuthenticationRefused: md5 was refused by this client: none is configured. Hint: give one: the setting password, " +
        "the connection string, PGPASSWORD, or a line of .pgpass. Nothing was sent; no session was opened at db:5432."
    )
  })
  it("says what to do about TLS, by what failed of it", () => {
    const hintOf = (check: string) =>
      / Hint: (.*?)\. Nothing/.exec(
        new Broken({ reason: { _tag: "TlsFailed", check, cause: undefined }, outcome: "NotSent" }).message
      )?.[1]
    expect(hintOf("the server's offer of TLS: it has none, and sslmode=verify-full needs it")).toBe(
      "switch TLS on at the server (ssl = on); or write sslmode=disable where nobody can come between"
    )
    expect(hintOf("the chain of the server's certificate")).toBe(
      "name the authority that signed it: sslrootcert=path/to/ca.pem"
    )
    expect(hintOf("the TLS handshake")).toBe(undefined)
  })
})

describe("hostile text", () => {
  const hostile = "\u001b[31m\u001b]0;title\u0007\r\nFAKE LINE\u202e\u0085\u2028\u{e0041}\u0000" + "x".repeat(100_000)
  const error = errorFromReport(
    {
      severityNonLocalized: "ERROR",
      code: hostile,
      message: hostile,
      detail: hostile,
      hint: hostile,
      where: hostile,
      internalQuery: hostile,
      internalPosition: 3,
      constraint: hostile,
      table: hostile,
      position: 9
    },
    {
      ...session,
      statement: { name: hostile, sql: hostile, definedAt: hostile },
      parameters: Array.from({ length: 1000 }, () => ({ name: hostile, type: hostile, value: hostile })),
      state: hostile,
      showValues: true
    }
  )
  it("moves no cursor and turns no text around, in any rendering", () => {
    for (const text of [error.message, error.toString(), ...Object.values(error.details).map(String)]) {
      expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}|[\p{Zl}\p{Zp}\u{e0000}-\u{e007f}]/u)
    }
    expect(error.message).not.toContain("\n")
  })
  it("cannot begin a line of its own, except where several lines are due, indented", () => {
    expect(
      error
        .toString()
        .split("\n")
        .filter((line) => line.startsWith("FAKE"))
    ).toEqual([])
  })
  it("is bounded", () => {
    expect(error.toString().length).toBeLessThan(30_000)
    expect(error.message.length).toBeLessThan(5_000)
  })
})
