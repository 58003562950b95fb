// One or more values of every type, in its default form, with the type's OID (built in) or description: what the tests that go over all types
// go over.
import { lowerBounds } from "../src/container/Array.ts"
import { type TypeDescription, type TypeRegistry, builtinTypes } from "../src/TypeRegistry.ts"

const bounded = (value: ReadonlyArray<unknown>, bounds: ReadonlyArray<number>): ReadonlyArray<unknown> => {
  Object.defineProperty(value, lowerBounds, { value: bounds, enumerable: false })
  return value
}

export const userTypes: ReadonlyArray<TypeDescription> = [
  { oid: 70_001, name: "mood", schema: "s", kind: "enum", labels: ["sad", "ok"] },
  { oid: 70_002, name: "positive", schema: "s", kind: "domain", baseType: 23 },
  { oid: 70_003, name: "_positive", schema: "s", kind: "array", element: 70_002, delimiter: "," },
  {
    oid: 70_004,
    name: "pair",
    schema: "s",
    kind: "composite",
    attributes: [
      { name: "mood", oid: 70_001 },
      { name: "list", oid: 70_003 }
    ]
  },
  { oid: 70_005, name: "_pair", schema: "s", kind: "array", element: 70_004, delimiter: "," },
  { oid: 70_006, name: "textrange", schema: "s", kind: "range", subtype: 25 },
  { oid: 70_007, name: "textmultirange", schema: "s", kind: "multirange", subtype: 25 },
  { oid: 70_008, name: "hstore", schema: "public", kind: "base" },
  { oid: 70_009, name: "citext", schema: "public", kind: "base" },
  { oid: 70_010, name: "ltree", schema: "public", kind: "base" },
  { oid: 70_011, name: "_hstore", schema: "public", kind: "array", element: 70_008, delimiter: "," }
]

export const registry: TypeRegistry = builtinTypes.learn(userTypes)

/** Values by OID. Types that only text reads are left out: their text is any string. */
export const samples: ReadonlyMap<number, ReadonlyArray<unknown>> = new Map<number, ReadonlyArray<unknown>>([
  [16, [true, false]],
  [17, [Uint8Array.from([0, 255, 1])]],
  [18, ["a", "", "\\377"]],
  [19, ["name"]],
  [20, [0n, -(2n ** 63n), 2n ** 53n + 1n]],
  [21, [-32768]],
  [22, [bounded([1, 2], [0])]],
  [23, [7, -2147483648]],
  [25, ["", "é😀", "x".repeat(50)]],
  [26, [4294967295]],
  [28, [1]],
  [29, [1]],
  [30, [bounded([1, 2], [0])]],
  [114, [{ a: [1, null] }, [2n ** 64n]]],
  [142, ["<a/>"]],
  [600, [{ x: 1, y: -0 }]],
  [
    601,
    [
      [
        { x: 1, y: 2 },
        { x: 3, y: 4 }
      ]
    ]
  ],
  [602, [{ closed: false, points: [{ x: 1, y: 2 }] }]],
  [603, [{ high: { x: 3, y: 4 }, low: { x: 1, y: 2 } }]],
  [
    604,
    [
      [
        { x: 1, y: 2 },
        { x: 3, y: 4 }
      ]
    ]
  ],
  [628, [{ a: 1, b: 2, c: 3 }]],
  [650, ["10.0.0.0/8"]],
  [700, [1.5, NaN]],
  [701, [0.1, -0, Infinity, NaN]],
  [718, [{ center: { x: 1, y: 2 }, radius: 3 }]],
  [774, ["08:00:2b:01:02:03:04:05"]],
  [829, ["08:00:2b:01:02:03"]],
  [869, ["1.2.3.4/24", "2001:db8::1"]],
  [1042, ["ab "]],
  [1043, ["ab"]],
  [1082, ["2024-02-29", "-000043-03-15", "infinity"]],
  [1083, ["24:00:00.000000"]],
  [1114, ["2024-02-29T13:45:00.123456"]],
  [1184, ["2024-02-29T13:45:00.123456Z", "-infinity", "+294276-12-31T23:59:59.999999Z"]],
  [1186, [{ months: -1, days: 2, microseconds: -3n }, "infinity"]],
  [1266, ["13:45:00.123456+05:30"]],
  [1560, ["0101"]],
  [1562, [""]],
  [1700, ["-1.50", "NaN", "100000000000000000000000.0001"]],
  [1790, ["cursor"]],
  [2950, ["550e8400-e29b-41d4-a716-446655440000"]],
  [3802, [{ a: [1, null] }]],
  [4072, ["$"]],
  [5069, [2n ** 64n - 1n]],
  [
    1007,
    [
      [
        [1, null],
        [2, 3]
      ],
      [],
      bounded([1], [5])
    ]
  ],
  [1009, [["a", null, '"'], []]],
  [1231, [["1.50", "NaN"]]],
  [3807, [[{ a: [1] }, [1, 2], null]]],
  [1185, [["2024-02-29T13:45:00.123456Z", "infinity"]]],
  [1020, [[{ high: { x: 3, y: 4 }, low: { x: 1, y: 2 } }]]],
  [3904, [{ lower: 1, upper: null, bounds: "[)" }, { empty: true }]],
  [3906, [{ lower: "1.50", upper: "NaN", bounds: "[]" }]],
  [3910, [{ lower: "2024-02-29T13:45:00.123456Z", upper: "infinity", bounds: "[)" }]],
  [4451, [[{ lower: 1, upper: 2, bounds: "[)" }], []]],
  [3905, [[{ lower: 1, upper: 2, bounds: "[)" }, null]]],
  [70_001, ["ok"]],
  [70_002, [5]],
  [70_003, [[1, 2]]],
  [
    70_004,
    [
      { mood: "sad", list: [1] },
      { mood: null, list: null }
    ]
  ],
  [70_005, [[{ mood: "sad", list: [1] }, null]]],
  [70_006, [{ lower: 'a"', upper: null, bounds: "[)" }]],
  [70_007, [[{ lower: "a", upper: "b", bounds: "[]" }]]],
  [70_008, [{ a: "1", b: null }]],
  [70_009, ["AbC"]],
  [70_010, ["Top.Science"]],
  [70_011, [[{ a: "1" }]]]
])
