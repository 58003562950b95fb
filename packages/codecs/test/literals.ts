// Values as the server's input text: every type's edges, and arbitraries over its range. For the differential tests against real servers.
import * as fc from "fast-check"

/** A type of PostgreSQL and how to get values of it. */
export interface LiteralType {
  /** as SQL writes it */
  readonly type: string
  readonly edges: ReadonlyArray<string>
  readonly random?: fc.Arbitrary<string>
  /** the first major version that has all of the edges */
  readonly since?: number
  /** the value does not keep the server's text: duplicate keys, `1e2` in json */
  readonly respelled?: boolean
  /** the server reads only text of it (no receive function, or one that this package leaves to the server): not counted as a failure */
  readonly serverOnly?: boolean
}

const two = (value: number): string => String(value).padStart(2, "0")
const integer = (min: number, max: number) => fc.integer({ min, max })
const digits = (maxLength: number) => fc.stringOf(fc.constantFrom(..."00000123456789"), { minLength: 1, maxLength })
const fraction = fc.option(digits(6), { nil: "" }).map((f) => (f === "" ? "" : `.${f}`))
const clock = fc
  .tuple(integer(0, 23), integer(0, 59), integer(0, 59), fraction)
  .map(([h, m, s, f]) => `${two(h)}:${two(m)}:${two(s)}${f}`)
const day = (maxYear: number) =>
  fc
    .tuple(fc.oneof(integer(1, 3000), integer(1, maxYear), integer(-4712, -1)), integer(1, 12), integer(1, 28))
    .map(([y, m, d]) => ({
      text: `${String(Math.abs(y)).padStart(4, "0")}-${two(m)}-${two(d)}`,
      era: y < 0 ? " BC" : ""
    }))
const timestamp = fc.tuple(day(294_276), clock).map(([{ text, era }, time]) => ({ text: `${text} ${time}`, era }))
const offset = fc
  .tuple(fc.constantFrom("+", "-"), integer(0, 14), integer(0, 59))
  .map(([sign, h, m]) => `${sign}${two(h)}:${two(m)}`)
const signed = fc.constantFrom("", "-")
const float8 = fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)
const float4 = fc.float({ noNaN: true, noDefaultInfinity: true }).map(String)
const numeric = fc.oneof(
  fc.tuple(signed, digits(40)).map((parts) => parts.join("")),
  fc.tuple(signed, digits(40), fc.constant("."), digits(40)).map((parts) => parts.join("")),
  fc.tuple(signed, fc.constant("0."), digits(40)).map((parts) => parts.join(""))
)
const hex = fc.stringOf(fc.constantFrom(..."0123456789abcdef"), { minLength: 2, maxLength: 2 })
const pairs = (count: number, separator: string) =>
  fc.array(hex, { minLength: count, maxLength: count }).map((all) => all.join(separator))
const ipv4 = fc.array(integer(0, 255), { minLength: 4, maxLength: 4 }).map((bytes) => bytes.join("."))
const ipv6 = fc
  .array(fc.constantFrom("0", "0", "0", "1", "ffff", "a0b1"), { minLength: 8, maxLength: 8 })
  .map((words) => words.join(":"))
const masked = (address: fc.Arbitrary<string>, most: number) =>
  fc.tuple(address, fc.option(integer(0, most))).map(([a, bits]) => (bits === null ? a : `${a}/${bits}`))

/** Text that needs every kind of quoting. */
const awkward = fc.stringOf(fc.constantFrom(..."ab\"\\'{}(),;[] \tN=>é😀"), { maxLength: 6 })
const escaped = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`
const doubled = (text: string): string => `"${text.replace(/["\\]/g, "$&$&")}"`
const lexeme = awkward.map((text) => `'${`x${text}`.replace(/['\\]/g, "$&$&")}'`)
const query: fc.Arbitrary<string> = fc.letrec<{ query: string }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(lexeme, fc.constantFrom("", ":*", ":A", ":BC", ":*D")).map((parts) => parts.join("")),
    tie("query").map((inner) => `!(${inner})`),
    fc
      .tuple(tie("query"), fc.constantFrom("&", "|", "<->", "<3>"), tie("query"))
      .map(([left, operator, right]) => `(${left}) ${operator} (${right})`)
  )
})).query
const range = (bound: fc.Arbitrary<readonly [string, string]>) =>
  fc
    .tuple(fc.constantFrom("[", "("), bound, fc.constantFrom("]", ")"), fc.boolean(), fc.boolean())
    .map(
      ([open, [lower, upper], close, hasLower, hasUpper]) =>
        `${open}${hasLower ? lower : ""},${hasUpper ? upper : ""}${close}`
    )
const ascending = fc.tuple(integer(-999, 999), integer(1, 999)).map(([a, b]) => [String(a), String(a + b)] as const)
const list = (item: fc.Arbitrary<string>) =>
  fc
    .array(fc.option(item, { freq: 5 }), { maxLength: 4 })
    .map((items) => `{${items.map((i) => i ?? "NULL").join(",")}}`)
/** An escape of JSON that the server takes: neither NUL nor half of a surrogate pair. A backslash that is escaped itself begins none. */
const writable = (escape: string): string => (/^\\u(?:0000|d[89a-f]..)$/i.test(escape) ? "x" : escape)
const json = fc.jsonValue().map((value) => JSON.stringify(value).replace(/\\(?:u....|.)/g, writable))

export const builtinLiterals: ReadonlyArray<LiteralType> = [
  { type: "bool", edges: ["t", "f"] },
  { type: "int2", edges: ["-32768", "32767", "0"], random: integer(-32768, 32767).map(String) },
  { type: "int4", edges: ["-2147483648", "2147483647", "0"], random: fc.integer().map(String) },
  {
    type: "int8",
    edges: [
      "-9223372036854775808",
      "9223372036854775807",
      "9007199254740993",
      "-9007199254740991",
      "-9007199254740992"
    ],
    random: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)
  },
  { type: "oid", edges: ["0", "4294967295"], random: fc.nat(2 ** 31 - 1).map(String) },
  { type: "xid", edges: ["0", "4294967295"] },
  {
    type: "xid8",
    edges: ["0", "18446744073709551615"],
    random: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)
  },
  {
    type: "float4",
    edges: ["NaN", "Infinity", "-Infinity", "-0", "0.1", "3.4028235e38", "1e-45", "16777217"],
    random: float4
  },
  { type: "float8", edges: ["NaN", "Infinity", "-Infinity", "-0", "0.1", "5e-324", "1e15", "1e23"], random: float8 },
  {
    type: "numeric",
    edges: [
      "0",
      "0.00",
      "-1.50",
      "NaN",
      "Infinity",
      "-Infinity",
      "1e100",
      "1e-100",
      "9999",
      "10000",
      "0.0001",
      "-99990000.00009999",
      `1${"0".repeat(131_071)}`,
      `0.${"0".repeat(16_382)}1`
    ],
    random: numeric
  },
  { type: "money", edges: ["1.5", "-100000.25"], serverOnly: true },
  { type: "text", edges: ["", "é€😀", "\ufeffmark", "x".repeat(5000), "NULL"], random: awkward },
  { type: "varchar", edges: ["", "x"], random: awkward },
  { type: "bpchar(5)", edges: ["ab", ""] },
  { type: "name", edges: ["pg_class"] },
  { type: '"char"', edges: ["a", ""] },
  { type: '"char"', edges: ["\\200", "\\377"], since: 15 },
  { type: "uuid", edges: ["00000000-0000-0000-0000-000000000000"], random: pairs(16, "") },
  {
    type: "bytea",
    edges: ["\\x", "\\x00ff"],
    random: fc.array(hex, { maxLength: 40 }).map((all) => `\\x${all.join("")}`)
  },
  {
    type: "json",
    edges: ['{"a":1,"a":2}', "null", '"x"', "9007199254740993", "1e2", "-0"],
    random: json,
    respelled: true
  },
  { type: "jsonb", edges: ["null", "1e300", '{"k":[1.50]}', "1234567890123456.5"], random: json, respelled: true },
  { type: "jsonpath", edges: ["$.a[*] ? (@ > 1)"] },
  {
    type: "date",
    edges: [
      "2024-02-29",
      "0001-01-01",
      "0099-12-31",
      "4714-11-24 BC",
      "0044-03-15 BC",
      "0001-12-31 BC",
      "infinity",
      "-infinity",
      "5874897-12-31",
      "10000-01-01",
      "4709-02-29 BC"
    ],
    random: day(5_874_896).map(({ text, era }) => text + era)
  },
  { type: "time", edges: ["00:00:00", "24:00:00", "23:59:59.999999"], random: clock },
  {
    type: "timetz",
    edges: ["24:00:00+15:59:59", "00:00:00-15:59:59", "12:00:00-00:00:01"],
    random: fc.tuple(clock, offset).map((parts) => parts.join(""))
  },
  {
    type: "timestamp",
    edges: [
      "infinity",
      "-infinity",
      "294276-12-31 23:59:59.999999",
      "4714-11-24 00:00:00 BC",
      "0044-03-15 12:00:00 BC",
      "0099-01-01 00:00:00",
      "1969-12-31 23:59:59.999999",
      "0001-01-01 BC"
    ],
    random: timestamp.map(({ text, era }) => text + era)
  },
  {
    type: "timestamptz",
    edges: [
      "infinity",
      "-infinity",
      "294276-12-31 23:59:59.999999+00",
      "4714-11-24 00:00:00+00 BC",
      "0099-01-01 00:00:00",
      "1883-11-18 12:00:00",
      "1883-01-01 12:00:00",
      "2024-03-10 02:30:00",
      "2024-11-03 01:30:00-04",
      "2024-11-03 01:30:00-05"
    ],
    random: fc.tuple(timestamp, offset).map(([{ text, era }, zone]) => `${text}${zone}${era}`)
  },
  {
    type: "interval",
    edges: [
      "0",
      "-1 year +2 days -04:05:06",
      "1 day -00:00:00.000001",
      "178000000 years",
      "-178000000 years",
      "2147483647 days",
      "-2147483648 days"
    ],
    random: fc
      .tuple(integer(-999, 999), integer(-99_999, 99_999), signed, integer(0, 9999), clock)
      .map(([months, days, sign, hours, time]) => `${months} mons ${days} days ${sign}${hours}${time.slice(2)}`)
  },
  { type: "interval", edges: ["2562047788:00:54.775807"], since: 15 },
  { type: "interval", edges: ["infinity", "-infinity"], since: 17 },
  {
    type: "inet",
    edges: ["0.0.0.0/0", "::", "::1", "::ffff:1.2.3.4", "1:0:0:2::3"],
    random: fc.oneof(masked(ipv4, 32), masked(ipv6, 128))
  },
  {
    type: "cidr",
    edges: ["1.2.3.4/32", "::1/128", "0.0.0.0/0"],
    random: ipv4.map((a) => `${a.replace(/\.\d+$/, ".0")}/24`)
  },
  { type: "macaddr", edges: ["08:00:2b:01:02:03"], random: pairs(6, ":") },
  { type: "macaddr8", edges: ["08:00:2b:01:02:03:04:05"], random: pairs(8, ":") },
  { type: "bit(3)", edges: ["101", "000"] },
  { type: "varbit", edges: ["", "0", "101010101"], random: fc.stringOf(fc.constantFrom("0", "1"), { maxLength: 40 }) },
  {
    type: "point",
    edges: ["(NaN,Infinity)", "(-0,1e300)"],
    random: fc.tuple(float8, float8).map(([x, y]) => `(${x},${y})`)
  },
  { type: "line", edges: ["{1,2,3}"] },
  { type: "lseg", edges: ["[(1,2),(3,4)]"] },
  { type: "box", edges: ["(3,4),(1,2)"] },
  { type: "path", edges: ["((1,2),(3,4))", "[(1,2),(3,4)]"] },
  { type: "polygon", edges: ["((1,2),(3,4),(5,6))"] },
  { type: "circle", edges: ["<(1,2),3>"] },
  {
    type: "tsvector",
    edges: ["", "'a':1A,2B,3 'it''s':5C"],
    random: fc.array(lexeme, { maxLength: 4 }).map((all) => all.join(" ")),
    serverOnly: true
  },
  { type: "tsquery", edges: ["", "a & b | !c", "a <-> (b <-> c)"], random: query, serverOnly: true },
  { type: "pg_lsn", edges: ["16/B374D848", "0/0", "FFFFFFFF/FFFFFFFF"], serverOnly: true },
  { type: "tid", edges: ["(0,1)", "(4294967295,65535)"], serverOnly: true },
  { type: "pg_snapshot", edges: ["10:20:10,14,15", "10:10:"], serverOnly: true },
  { type: "txid_snapshot", edges: ["10:20:10,14,15"], serverOnly: true },
  { type: "regclass", edges: ["pg_class"], serverOnly: true },
  { type: "regtype", edges: ["integer"], serverOnly: true },
  { type: "int4range", edges: ["empty", "(,)", "[1,1]"], random: range(ascending) },
  { type: "numrange", edges: ["empty", "[1.50,2]"], random: range(ascending) },
  { type: "tstzrange", edges: ["empty", "[-infinity,infinity]", '["0044-03-15 BC",)'] },
  { type: "daterange", edges: ["[2024-01-01,2024-02-01)", "[-infinity,infinity]"] },
  {
    type: "int8multirange",
    edges: ["{}", "{[1,5),[7,9),[20,)}"],
    random: fc.array(range(ascending), { maxLength: 3 }).map((all) => `{${all.join(",")}}`)
  },
  { type: "text[]", edges: ["{}", '{"",NULL,"NULL",null,"{}"}', "[2:3]={a,b}"], random: list(awkward.map(escaped)) },
  {
    type: "int4[]",
    edges: ["{}", "[0:1][-1:0]={{1,2},{3,NULL}}", "{{{{{{1}}}}}}"],
    random: list(fc.integer().map(String))
  },
  { type: "jsonb[]", edges: ['{{"[1]","2"},{"3","[4,5]"}}', '{"[1,2]",NULL}'], respelled: true },
  { type: "box[]", edges: ["{(3,4),(1,2);(5,6),(0,0)}"] },
  { type: "timestamptz[]", edges: ['{infinity,"0044-03-15 BC",NULL}'] },
  { type: "int4range[]", edges: ['{"[1,5)",empty,NULL}'] },
  { type: "int2vector", edges: ["1 2 3", ""] },
  { type: "oidvector", edges: ["1 4294967295"] }
]

/** What `userSchema` creates. */
export const userLiterals: ReadonlyArray<LiteralType> = [
  { type: "mood", edges: ["sad", 'happy, "x"'] },
  { type: "mood[]", edges: ['{sad,"happy, \\"x\\"",NULL}'] },
  { type: "positive", edges: ["5"] },
  { type: "positive[]", edges: ["{1,2,NULL}"] },
  { type: "positives", edges: ["{1,2}"] },
  {
    type: "pair",
    edges: ["(,,)", '(,"",)'],
    random: fc.tuple(fc.integer(), awkward, numeric).map(([a, b, c]) => `(${a},${doubled(b)},${c})`)
  },
  { type: "pair[]", edges: ['{"(1,\\"x y\\",2)","(,,)",NULL}'] },
  { type: "nest", edges: ['("(1,""a b"",2.0)","{""(1,x,2)"",NULL}",sad,5,"{1,2}")', "(,,,,)"] },
  { type: "row_of_table", edges: ['(5,"(,,,,)")', "(,)"] },
  { type: "frange", edges: ["[0.1,0.2)", "[1,)", "empty"] },
  { type: "fmultirange", edges: ["{[0.1,0.2)}", "{}"] },
  {
    type: "hstore",
    edges: ["", 'NULL=>"NULL"', '"__proto__"=>"x"'],
    random: fc
      .array(fc.tuple(awkward, fc.option(awkward)), { maxLength: 3 })
      .map((all) => all.map(([k, v]) => `${escaped(k)}=>${v === null ? "NULL" : escaped(v)}`).join(","))
  },
  { type: "hstore[]", edges: ['{"\\"a\\"=>\\"1\\""}'] },
  { type: "citext", edges: ["AbC"], random: awkward },
  { type: "citext[]", edges: ["{A,b}"] },
  { type: "ltree", edges: ["Top.Science"] },
  { type: "lquery", edges: ["Top.*"] },
  { type: "ltxtquery", edges: ["a & b"] }
]

export const userSchema = `
  CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
  CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy, "x"');
  CREATE DOMAIN positive AS int4 CHECK (value > 0);
  CREATE DOMAIN positives AS positive[];
  CREATE TYPE pair AS (a int4, "b c" text, "__proto__" numeric);
  CREATE TYPE nest AS (p pair, ps pair[], m mood, d positive, da positive[]);
  CREATE TYPE frange AS RANGE (subtype = float8, multirange_type_name = fmultirange);
  CREATE TABLE row_of_table (id int8, gone text, n nest);
  ALTER TABLE row_of_table DROP COLUMN gone;
`
