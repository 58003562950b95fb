// Every line of the README's table of types is checked against the codec it speaks of.
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { builtinTypes as generated } from "../src/builtin.generated.ts"
import type { Codec } from "../src/Codec.ts"
import { ValueError } from "../src/ValueError.ts"
import { registry } from "./families.ts"
import { readBinary, readText, writeBinary } from "./wire.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
const section = readme.slice(readme.indexOf("## Types\n"), readme.indexOf("## Forms"))
const lines = section
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| type") && !line.startsWith("| ---"))

interface Line {
  readonly type: string
  readonly text: string
  readonly value: unknown
  readonly forms: ReadonlyArray<string>
  readonly kinds: ReadonlyArray<string>
}

const parsed = lines.map((line): Line => {
  // `|` stands in no cell
  const cells = line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim())
  const code = (cell: string | undefined) => (cell ?? "").replace(/^`|`$/g, "")
  const words = (cell: string | undefined) => (cell ?? "").split(" ").filter((word) => word !== "")
  return {
    type: cells[0]!.startsWith("`") ? code(cells[0]) : cells[0]!,
    text: code(cells[1]),
    // the README is ours: its expressions are code of this repository
    // oxlint-disable-next-line typescript/no-implied-eval -- see above
    value: new Function(`return (${code(cells[2])})`)(),
    forms: words(cells[3]),
    kinds: words(cells[4])
  }
})

const described: Readonly<Record<string, number>> = {
  citext: 70_009,
  hstore: 70_008,
  ltree: 70_010,
  "an enum": 70_001,
  "a domain over `int4`": 70_002,
  "a composite": 70_004,
  "a type nobody knows": 123_456_789
}

const codecOf = (type: string): Codec => registry.codecOf(described[type] ?? registry.oidOf(type) ?? 0)

const kinds: Readonly<Record<string, unknown>> = {
  number: 1,
  bigint: 1n,
  boolean: true,
  string: "x",
  date: new Date(0),
  bytes: new Uint8Array(16),
  decimal: { unscaled: 1n, scale: 0 },
  interval: { months: 0, days: 0, microseconds: 1n },
  array: [1n],
  object: { a: "x" }
}

const isTaken = (codec: Codec, value: unknown): boolean => {
  try {
    codec.writer()?.format(value)
  } catch (error) {
    if (error instanceof ValueError) return false
    throw error
  }
  return codec.writer() !== undefined
}

describe.each(parsed)("README: $type", ({ type, text, value, forms, kinds: taken }) => {
  const codec = codecOf(type)

  it("is read as it says, in both formats", () => {
    expect(readText(codec, text)).toEqual(value)
    if (codec.reader()?.binary === undefined || codec.writer()?.format(value) !== 1) return
    expect(readBinary(codec, writeBinary(codec, value))).toEqual(value)
  })

  it("offers the forms it says", () => {
    const containers = {
      Array: ["array"],
      Range: ["range"],
      Multirange: ["multirange"],
      Record: ["tuple"],
      Composite: ["fields", "tuple"]
    }
    const { _tag } = codec.shape
    expect(forms).toEqual(_tag === "Scalar" || _tag === "Enum" ? codec.forms : containers[_tag])
  })

  it("is written from the kinds of values it says, and from no other", () => {
    if (taken.includes("own")) expect(isTaken(codec, value)).toBe(true)
    for (const [kind, sample] of Object.entries(kinds)) {
      // an enum knows its labels
      if (taken.includes("own") && kind === "string" && codec.shape._tag === "Enum") continue
      // an array of the array's own elements is its own value
      if (taken.includes("own") && kind === "array" && codec.shape._tag === "Array") continue
      expect(isTaken(codec, sample), `${type} from ${kind}`).toBe(taken.includes(kind))
    }
  })
})

it("the table has every built-in type that a column can have", () => {
  const told = new Set(parsed.map(({ type }) => type))
  const alike =
    /^(reg|_|pg_(node_tree|ndistinct|dependencies|mcv_list|brin))|^(int2vector|oidvector|txid_snapshot|gtsvector)$/
  const missing = generated.filter(({ name, kind }) => kind === "base" && !alike.test(name) && !told.has(name))
  expect(missing.map(({ name }) => name)).toEqual([])
})
