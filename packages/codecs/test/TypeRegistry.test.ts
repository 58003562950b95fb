import { describe, expect, it } from "vitest"
import { builtinTypes as generated } from "../src/builtin.generated.ts"
import { scalar } from "../src/Codec.ts"
import { type TypeDescription, builtinTypes, makeTypeRegistry } from "../src/TypeRegistry.ts"
import { registry, userTypes } from "./families.ts"
import { readText } from "./wire.ts"

const shout = (name: string) =>
  scalar({
    name,
    defaultForm: "text",
    readers: { text: { format: 0, parse: (string) => `${string}!` } },
    writer: { format: () => 0, text: String, binary: () => undefined }
  })

describe("the registry", () => {
  it("knows every built-in type, and gives each a codec of its name", () => {
    for (const { oid, name, kind } of generated) {
      const codec = builtinTypes.codecOf(oid)
      if (kind === "composite" || name.startsWith("_pg_")) continue
      expect(builtinTypes.missing([oid]), name).toEqual([])
      expect(codec.name, name).toBe(name)
      expect(codec.reader(), name).toBeDefined()
    }
  })

  it("asks a column for binary only if the type has a binary output", () => {
    for (const { oid, name, binary } of generated) {
      if (!binary) expect(builtinTypes.codecOf(oid).reader()?.format, name).toBe(0)
    }
  })

  it("reads types it does not know as text: never an error, never bytes taken for text", () => {
    const codec = builtinTypes.codecOf(123_456)
    expect(codec.reader()?.format).toBe(0)
    expect(codec.reader()?.binary).toBeUndefined()
    expect(readText(codec, "anything")).toBe("anything")
  })

  it("says what to ask the catalogue for, once", () => {
    expect(builtinTypes.missing([23, 1007, 0, 70_001, 70_001, 70_003])).toEqual([70_001, 70_003])
    // row types of catalogues are built in, but their attributes differ between versions
    expect(builtinTypes.missing([83, 273])).toEqual([83, 273])
    const learned = builtinTypes.learn(userTypes, [70_001, 70_999])
    expect(learned.missing([70_001, 70_003, 70_999, 71_000])).toEqual([71_000])
    expect(learned.codecOf(70_999).reader()?.format).toBe(0)
    expect(learned.forget().missing([70_001])).toEqual([70_001])
  })

  it("never changes: learning makes another one", () => {
    expect(builtinTypes.codecOf(70_001).shape._tag).toBe("Scalar")
    expect(registry.codecOf(70_001).shape._tag).toBe("Enum")
    expect(builtinTypes.codecOf(70_001).shape._tag).toBe("Scalar")
  })

  it("takes a newer description of a type", () => {
    const changed = registry.learn([{ oid: 70_001, name: "mood", schema: "s", kind: "enum", labels: ["new"] }])
    expect(changed.codecOf(70_001).shape).toEqual({ _tag: "Enum", labels: ["new"] })
    // and whatever is made of it
    const pair = changed.codecOf(70_004).shape
    expect(pair._tag === "Composite" && pair.attributes[0]?.codec.shape).toEqual({ _tag: "Enum", labels: ["new"] })
  })

  it("finds OIDs by name", () => {
    expect(builtinTypes.oidOf("int4")).toBe(23)
    expect(builtinTypes.oidOf("int4[]")).toBe(1007)
    expect(builtinTypes.oidOf("mood")).toBeUndefined()
    expect(registry.oidOf("mood")).toBe(70_001)
    expect(registry.oidOf("s.mood")).toBe(70_001)
    expect(registry.oidOf("s.positive[]")).toBe(70_003)
    expect(registry.oidOf("s.mood[]")).toBeUndefined()
    expect(registry.oidOf("t.mood")).toBeUndefined()
  })

  it("names the user's types with their schema", () => {
    expect(registry.codecOf(70_004).name).toBe("s.pair")
  })
})

describe("a codec registered by name", () => {
  it("serves the type of that name, in any schema or in one", () => {
    const types: ReadonlyArray<TypeDescription> = [
      { oid: 80_001, name: "vector", schema: "a", kind: "base" },
      { oid: 80_002, name: "vector", schema: "b", kind: "base" },
      { oid: 80_003, name: "_vector", schema: "a", kind: "array", element: 80_001, delimiter: "," }
    ]
    const any = makeTypeRegistry([shout("vector")]).learn(types)
    expect(readText(any.codecOf(80_001), "x")).toBe("x!")
    expect(readText(any.codecOf(80_002), "x")).toBe("x!")
    expect(readText(any.codecOf(80_003), "{x}")).toEqual(["x!"])
    const one = makeTypeRegistry([shout("a.vector")]).learn(types)
    expect(readText(one.codecOf(80_001), "x")).toBe("x!")
    expect(readText(one.codecOf(80_002), "x")).toBe("x")
  })

  it("replaces a built-in one, inside containers too", () => {
    const own = makeTypeRegistry([shout("money")])
    expect(readText(own.codecOf(790), "$1")).toBe("$1!")
    expect(readText(own.codecOf(791), "{$1}")).toEqual(["$1!"])
  })

  it("survives forgetting", () => {
    const own = makeTypeRegistry([shout("vector")]).forget()
    expect(
      readText(own.learn([{ oid: 1_000_000, name: "vector", schema: "x", kind: "base" }]).codecOf(1_000_000), "x")
    ).toBe("x!")
  })
})

describe("descriptions from a hostile or confused server", () => {
  it("that go in circles end as text", () => {
    const circle = builtinTypes.learn([
      { oid: 90_001, name: "a", schema: "s", kind: "array", element: 90_002, delimiter: "," },
      { oid: 90_002, name: "b", schema: "s", kind: "domain", baseType: 90_001 },
      { oid: 90_003, name: "c", schema: "s", kind: "composite", attributes: [{ name: "self", oid: 90_003 }] }
    ])
    expect(readText(circle.codecOf(90_001), "{x}")).toEqual(["x"])
    expect(readText(circle.codecOf(90_003), "(x)")).toEqual({ self: "x" })
  })

  it("that nest without end are cut off instead of overflowing the stack", () => {
    const chain: Array<TypeDescription> = []
    for (let oid = 100_000; oid < 150_000; oid++) {
      chain.push({ oid, name: `t${oid}`, schema: "s", kind: "domain", baseType: oid + 1 })
    }
    expect(builtinTypes.learn(chain).codecOf(100_000).reader()?.format).toBe(0)
  })

  it("that name types nobody described are text there", () => {
    const dangling = builtinTypes.learn([{ oid: 90_005, name: "r", schema: "s", kind: "range", subtype: 99_999 }])
    expect(readText(dangling.codecOf(90_005), "[a,b)")).toEqual({ lower: "a", upper: "b", bounds: "[)" })
    expect(dangling.codecOf(90_005).reader()?.format).toBe(0)
  })

  it("of an extension's name that is no base type are what they are", () => {
    const fake = builtinTypes.learn([{ oid: 90_006, name: "hstore", schema: "public", kind: "enum", labels: ["x"] }])
    expect(readText(fake.codecOf(90_006), "x")).toBe("x")
  })
})
