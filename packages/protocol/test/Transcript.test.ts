import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  type BackendMessage,
  encodeBackend,
  encodeCopyData,
  encodeRows,
  type FrontendMessage,
  isWellFormed,
  makeBackendDecoder,
  Transcript,
  transcriptLine,
  transcriptLines,
  transcriptOfAnswer
} from "../src/index.ts"
import { backendSession, frontendSession, passwordMessage, saslInitialResponse, saslResponse } from "./arbitraries.ts"
import { backendIn, frame } from "./session.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

// The form is fe-trace.c's of PostgreSQL 18, written down from its source. A conversation with most of these messages (92 lines, against servers 14
// and 18) was printed by libpq 15's PQtrace and by us from the same bytes: line by line the same.
const show = { values: "show" } as const

const client: ReadonlyArray<readonly [FrontendMessage, string]> = [
  [{ _tag: "SSLRequest" }, "F\t8\tSSLRequest\t 1234 5679"],
  [{ _tag: "GSSENCRequest" }, "F\t8\tGSSENCRequest\t 1234 5680"],
  [
    { _tag: "StartupMessage", protocolVersion: 196610, parameters: [["user", "ada"]] },
    'F\t18\tStartupMessage\t 3 2 "user" "ada"'
  ],
  [{ _tag: "Query", sql: "BEGIN" }, 'F\t10\tQuery\t "BEGIN"'],
  [{ _tag: "Parse", statement: "", sql: "SELECT $1", parameterTypes: [23, 0] }, 'F\t25\tParse\t "" "SELECT $1" 2 23 0'],
  [
    {
      _tag: "Bind",
      portal: "",
      statement: "s",
      parameterFormats: [0],
      parameters: [utf8("1"), null, Uint8Array.of(0, 0xe2, 65)],
      resultFormats: [1]
    },
    "F\t33\tBind\t \"\" \"s\" 1 0 3 1 '1' -1 3 '\\x00\\xe2A' 1 1"
  ],
  [{ _tag: "Describe", target: "portal", name: "" }, 'F\t6\tDescribe\t P ""'],
  [{ _tag: "Close", target: "statement", name: "s" }, 'F\t7\tClose\t S "s"'],
  [{ _tag: "Execute", portal: "", maxRows: 0 }, 'F\t9\tExecute\t "" 0'],
  [{ _tag: "Sync" }, "F\t4\tSync"],
  [{ _tag: "Flush" }, "F\t4\tFlush"],
  [{ _tag: "CopyDone" }, "F\t4\tCopyDone"],
  [{ _tag: "CopyFail", reason: "no" }, 'F\t7\tCopyFail\t "no"'],
  [
    { _tag: "FunctionCall", functionOid: 1598, argumentFormats: [], arguments: [utf8("x")], resultFormat: 1 },
    "F\t19\tFunctionCall\t 1598 0 1 1 'x' 1"
  ],
  [{ _tag: "Terminate" }, "F\t4\tTerminate"]
]

const server: ReadonlyArray<readonly [BackendMessage, string]> = [
  [{ _tag: "AuthenticationOk" }, "B\t8\tAuthenticationOk"],
  [{ _tag: "AuthenticationSASL", mechanisms: ["SCRAM-SHA-256"] }, 'B\t23\tAuthenticationSASL\t "SCRAM-SHA-256" ""'],
  [
    { _tag: "ParameterStatus", name: "server_encoding", value: "UTF8" },
    'B\t25\tParameterStatus\t "server_encoding" "UTF8"'
  ],
  [{ _tag: "ReadyForQuery", status: "I" }, "B\t5\tReadyForQuery\t I"],
  [
    {
      _tag: "RowDescription",
      columns: [
        { name: "n", tableOid: 0, tableColumn: 0, typeOid: 23, typeSize: 4, typeModifier: -1, format: 0 },
        // fe-trace.c prints 16-bit fields unsigned: −1 is 65535 there
        { name: "t", tableOid: 16384, tableColumn: 2, typeOid: 25, typeSize: -1, typeModifier: -1, format: 1 }
      ]
    },
    'B\t46\tRowDescription\t 2 "n" 0 0 23 4 -1 0 "t" 16384 2 25 65535 -1 1'
  ],
  [encodeRows([["1", null, "a\tb"]]), "B\t22\tDataRow\t 3 1 '1' -1 3 'a\\x09b'"],
  [{ _tag: "CommandComplete", tag: "SELECT 1" }, 'B\t13\tCommandComplete\t "SELECT 1"'],
  [{ _tag: "ParameterDescription", typeOids: [23] }, "B\t10\tParameterDescription\t 1 23"],
  [{ _tag: "ParseComplete" }, "B\t4\tParseComplete"],
  [{ _tag: "CopyOutResponse", format: 0, columnFormats: [0, 0] }, "B\t11\tCopyOutResponse\t \\x00 2 0 0"],
  [{ _tag: "CopyBothResponse", format: 0, columnFormats: [] }, "B\t7\tCopyBothResponse\t \\x00 0"],
  [encodeCopyData([utf8("1\t2\n")]), "B\t8\tCopyData\t '1\\x092\\x0a'"],
  [{ _tag: "FunctionCallResponse", value: null }, "B\t8\tFunctionCallResponse\t -1"],
  [
    { _tag: "NotificationResponse", processId: 77, channel: "c", payload: "p" },
    'B\t12\tNotificationResponse\t 77 "c" "p"'
  ],
  [
    {
      _tag: "ErrorResponse",
      fields: {
        severity: "ERROR",
        severityNonLocalized: "ERROR",
        code: "42703",
        message: 'column "x" does not exist',
        position: 8,
        file: "parse_relation.c",
        line: 3722,
        routine: "errorMissingColumn"
      }
    },
    'B\t100\tErrorResponse\t S "ERROR" V "ERROR" C "42703" M "column "x" does not exist" P "8" F "parse_relation.c" L "3722" R "errorMissingColumn" \\x00'
  ]
]

describe("a line", () => {
  it.each(client)("of a client is libpq's: $_tag", (message, line) => {
    expect(transcriptLine("F", message, show)).toBe(line)
  })

  it.each(server)("of a server is libpq's: $_tag", (message, line) => {
    expect(transcriptLine("B", message, show)).toBe(line)
  })

  it("of the byte that answers a request for encryption is libpq's", () => {
    expect(transcriptOfAnswer("SSLRequest", "S")).toBe("B\t1\tSSLResponse\t S")
    expect(transcriptOfAnswer("GSSENCRequest", "\n")).toBe("B\t1\tGSSENCResponse\t \\x0a")
  })

  it("blanks what differs from run to run in regress mode", () => {
    const regress = { ...show, regress: true }
    const lines = [
      transcriptLine("B", { _tag: "ParameterDescription", typeOids: [23, 25] }, regress),
      transcriptLine("F", { _tag: "Parse", statement: "", sql: "", parameterTypes: [1] }, regress),
      transcriptLine("B", { _tag: "NotificationResponse", processId: 77, channel: "c", payload: "p" }, regress),
      transcriptLine("B", { _tag: "ErrorResponse", fields: { code: "42703", file: "a.c", line: 1 } }, regress)
    ]
    expect(lines).toEqual([
      "B\t14\tParameterDescription\t 2 NNNN NNNN",
      'F\t12\tParse\t "" "" 1 NNNN',
      'B\t12\tNotificationResponse\t NNNN "c" "p"',
      'B\tNN\tErrorResponse\t C "42703" F "SSSS" L "SSSS" \\x00'
    ])
  })

  it("shows no value unless it is told to, and of a report not what quotes rows", () => {
    const canary = "canary"
    const value = utf8(canary)
    const lines = [
      transcriptLine("F", {
        _tag: "Bind",
        portal: "",
        statement: "",
        parameterFormats: [],
        parameters: [value],
        resultFormats: []
      }),
      transcriptLine("F", {
        _tag: "FunctionCall",
        functionOid: 1,
        argumentFormats: [],
        arguments: [value],
        resultFormat: 0
      }),
      transcriptLine("B", { _tag: "FunctionCallResponse", value }),
      transcriptLine("B", encodeRows([[value]])),
      transcriptLine("F", encodeCopyData([value])),
      transcriptLine("B", { _tag: "NotificationResponse", processId: 1, channel: "c", payload: canary }),
      transcriptLine("B", {
        _tag: "ErrorResponse",
        fields: { code: "23505", detail: `Key (id)=(${canary})`, where: canary, internalQuery: canary }
      })
    ]
    expect(lines.join("\n")).not.toContain(canary)
    expect(lines[0]).toBe('F\t22\tBind\t "" "" 0 1 6 \'BBBB\' 0')
    expect(lines[3]).toBe("B\t16\tDataRow\t 1 6 'BBBB'")
    expect(lines[6]).toBe('B\t47\tErrorResponse\t C "23505" D "SSSS" W "SSSS" q "SSSS" \\x00')
  })

  it("never shows a secret, nor how long a password is", () => {
    const canary = "canary"
    const data = utf8(canary)
    const lines = [
      transcriptLine("F", { _tag: "PasswordMessage", password: canary }, show),
      transcriptLine("F", { _tag: "SASLInitialResponse", mechanism: "SCRAM-SHA-256", data }, show),
      transcriptLine("F", { _tag: "SASLResponse", data }, show),
      transcriptLine("F", { _tag: "AuthenticationResponse", data }, show),
      transcriptLine("B", { _tag: "AuthenticationSASLContinue", data }, show),
      transcriptLine("B", { _tag: "AuthenticationSASLFinal", data }, show),
      transcriptLine("B", { _tag: "AuthenticationUnsupported", code: 8, method: "GSSContinue", data }, show),
      transcriptLine("B", { _tag: "AuthenticationMD5Password", salt: utf8("salt") }, show),
      transcriptLine("B", { _tag: "BackendKeyData", processId: 7, secretKey: data }, show),
      transcriptLine("F", { _tag: "CancelRequest", processId: 7, secretKey: data }, show)
    ]
    expect(lines).toEqual([
      'F\tNN\tPasswordMessage\t "SSSS"',
      "F\t28\tSASLInitialResponse\t \"SCRAM-SHA-256\" 6 'BBBB'",
      "F\t10\tSASLResponse\t 'BBBB'",
      "F\tNN\tUnknownAuthenticationResponse",
      "B\t14\tAuthenticationSASLContinue\t 'BBBB'",
      "B\t14\tAuthenticationSASLFinal\t 'BBBB'",
      "B\t14\tAuthenticationUnsupported\t 8 (GSSContinue)",
      "B\t12\tAuthenticationMD5Password",
      "B\t14\tBackendKeyData\t 7 NNNN",
      "F\t18\tCancelRequest\t 1234 5678 7 NNNN"
    ])
  })

  it("is one line, whatever control characters the text holds", () => {
    const sql = "SELECT\n\t'\u001b[31m\u007f\u0085\u2028\u202e\ufeff' -- \u00e5\ud83d\ude00"
    expect(transcriptLine("F", { _tag: "Query", sql })).toBe(
      String.raw`F	42	Query	 "SELECT\x0a\x09'\x1b[31m\x7f\x85\u2028\u202e\ufeff' -- å😀"`
    )
  })

  it("is cut at its limit, however much there is to say", () => {
    const long = "😀".repeat(100_000)
    const columns = Array.from({ length: 1600 }, (_, i) => ({
      name: `column ${i}`,
      tableOid: 0,
      tableColumn: 0,
      typeOid: 25,
      typeSize: -1,
      typeModifier: -1,
      format: 0 as const
    }))
    // four limits, so that a cut through a surrogate pair is among them
    for (const maxLineLength of [100, 101, 102, 103]) {
      const options = { ...show, maxLineLength }
      for (const line of [
        transcriptLine("F", { _tag: "Query", sql: long }, options),
        transcriptLine("B", { _tag: "RowDescription", columns }, options),
        transcriptLine("B", encodeRows([Array.from({ length: 1000 }, () => "x".repeat(50))]), options),
        transcriptLine("B", encodeCopyData([new Uint8Array(100_000)]), options)
      ]) {
        expect(line).toMatch(/…$/)
        expect(isWellFormed(line)).toBe(true)
        expect(line.length).toBeGreaterThanOrEqual(maxLineLength - 1)
        expect(line.length).toBeLessThanOrEqual(maxLineLength)
      }
    }
  })

  it("is made of any message either side may send", () => {
    fc.assert(
      fc.property(backendSession, frontendSession, (backend, frontend) => {
        const lines = [
          ...backend.map((message) => transcriptLine("B", message, { maxLineLength: 200 })),
          ...frontend.map((message) => transcriptLine("F", message, { maxLineLength: 200 }))
        ]
        for (const line of lines) {
          expect(line).toMatch(/^[FB]\t(\d+|NN)\t[A-Za-z0-9]+(\t .*)?$/u)
          expect(line.length).toBeLessThanOrEqual(200)
        }
      })
    )
  })

  it("of an authentication answer is the same for any other secret", () => {
    fc.assert(
      fc.property(passwordMessage, passwordMessage, (one, other) => {
        expect(transcriptLine("F", one)).toBe(transcriptLine("F", other))
      })
    )
    fc.assert(
      fc.property(fc.oneof(saslInitialResponse, saslResponse), (message) => {
        expect(transcriptLine("F", message, show)).toMatch(/ ('BBBB'|-1)$/)
      })
    )
  })

  it("states the length that came over the wire", () => {
    fc.assert(
      fc.property(backendSession, (session) => {
        for (const message of session) {
          if (message._tag === "Rows" || message._tag === "CopyData") continue
          const { length } = encodeBackend(message)
          expect(transcriptLine("B", message).split("\t")[1]).toBe(String(length - 1))
        }
      })
    )
  })
})

describe("a run", () => {
  const rows = encodeRows([["a"], ["b"], [null]])

  it("has a line per frame", () => {
    expect(transcriptLines("B", rows, show)).toEqual([
      "B\t11\tDataRow\t 1 1 'a'",
      "B\t11\tDataRow\t 1 1 'b'",
      "B\t10\tDataRow\t 1 -1"
    ])
  })

  it("is one line where one is asked for, which says how many there are", () => {
    expect(transcriptLine("B", rows, show)).toBe("B\t11\tDataRow\t 1 1 'a' … and 2 more")
  })

  it("of rows that no cursor has checked says where they are malformed", () => {
    const malformed = [
      frame("D", 0, 1),
      frame("D", 0, 1, 0, 0, 0, 9, "x"),
      frame("D", 0, 1, 255, 255, 255, 254),
      frame("D", 0, 1, 255, 255, 255, 255, "more")
    ]
    for (const bytes of malformed) {
      const [rows] = backendIn("ready").push(bytes)
      if (rows?._tag !== "Rows") throw new Error("no rows")
      expect(transcriptLine("B", rows, show)).toMatch(/ \(malformed\)$/)
    }
  })
})

describe("the ring", () => {
  it("remembers the last messages, oldest first", () => {
    const ring = new Transcript({ capacity: 3 })
    expect(ring.lines()).toEqual([])
    for (const tag of ["1", "2", "3", "4", "5"]) ring.add("B", { _tag: "CommandComplete", tag })
    expect(ring.lines()).toEqual(["3", "4", "5"].map((tag) => `B\t6\tCommandComplete\t "${tag}"`))
    expect(ring.added).toBe(5)
    ring.note("F", "extended\nquery")
    expect(ring.lines().at(-1)).toBe("F\t\textended\\x0aquery")
  })

  it("counts runs, and keeps none of their bytes", () => {
    const ring = new Transcript()
    const run = encodeRows([["canary"], ["canary"]])
    ring.add("B", run)
    ring.add("F", encodeCopyData([utf8("canary")]))
    const before = ring.lines()
    run.bytes.fill(0)
    expect(ring.lines()).toEqual(before)
    expect(before).toEqual(["B\t34\tDataRow × 2", "F\t11\tCopyData × 1"])
  })

  it("keeps no secret, no large message and no bytes of a chunk", () => {
    const session: ReadonlyArray<BackendMessage> = [
      { _tag: "AuthenticationSASLContinue", data: utf8("canary") },
      { _tag: "AuthenticationOk" },
      { _tag: "BackendKeyData", processId: 1, secretKey: utf8("canary") },
      { _tag: "ReadyForQuery", status: "I" },
      { _tag: "NotificationResponse", processId: 1, channel: "c", payload: "x".repeat(1_000_000) },
      { _tag: "FunctionCallResponse", value: new Uint8Array(1_000_000) },
      { _tag: "ErrorResponse", fields: { message: "y".repeat(1_000_000) } },
      { _tag: "ParameterDescription", typeOids: Array.from({ length: 60_000 }, () => 23) },
      encodeRows([["z".repeat(1_000_000)]])
    ]
    const ring = new Transcript({ values: "show" })
    const decoder = makeBackendDecoder()
    for (const message of session) for (const decoded of decoder.push(encodeBackend(message))) ring.add("B", decoded)
    // everything reachable from the ring, as text
    const kept = JSON.stringify(ring, (_key, value: unknown) =>
      ArrayBuffer.isView(value) ? String.fromCharCode(...new Uint8Array(value.buffer).slice(0, 100)) : value
    )
    expect(kept).not.toContain("canary")
    expect(kept.length).toBeLessThan(20_000)
    expect(ring.lines()).toHaveLength(session.length)
  })

  it("says of a message what a line said of it when it came", () => {
    fc.assert(
      fc.property(backendSession, (session) => {
        const ring = new Transcript({ capacity: 1000 })
        for (const message of session) ring.add("B", message)
        const expected = session.map((message) =>
          message._tag === "Rows" || message._tag === "CopyData"
            ? `B\t${message.end - message.offset}\t${message._tag === "Rows" ? "DataRow" : "CopyData"} × ${message.count}`
            : transcriptLine("B", message)
        )
        expect(ring.lines()).toEqual(expected)
      })
    )
  })

  it("refuses a capacity that is no count", () => {
    for (const capacity of [0, -1, 1.5, Number.NaN]) expect(() => new Transcript({ capacity })).toThrow(RangeError)
  })
})
