// Values as the server's input text: every type's edges, and arbitraries over its range. For the differential tests against real servers.
import * as fc from "fast-check"

/** A type of PostgreSQL and how to get values of it. */
export interface LiteralType {
  /** as SQL writes it */
  readonly type: string
  readonly edges: ReadonlyArray<string>
  readonly random: fc.Arbitrary<string>
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

const unsigned32 = fc.double({ min: 0, max: 1, noNaN: true }).map((part) => String(Math.floor(part * 0xffff_ffff)))
const cents = fc
  .bigInt({ min: 1n - 2n ** 63n, max: 2n ** 63n - 1n })
  .map((all) => `${all < 0n ? "-" : ""}${(all < 0n ? -all : all).toString().padStart(3, "0").replace(/(..)$/, ".$1")}`)
const point = fc.tuple(float8, float8).map(([x, y]) => `(${x},${y})`)
const points = fc.array(point, { minLength: 1, maxLength: 4 }).map((all) => all.join(","))
const corners = fc.tuple(point, point).map((both) => both.join(","))
const positive = integer(1, 2 ** 31 - 1).map(String)
const label = fc.stringOf(fc.constantFrom(..."abcXYZ019_"), { minLength: 1, maxLength: 5 })
const lqueryItem = fc.oneof(
  fc.tuple(fc.constantFrom("", "!"), label, fc.constantFrom("", "*", "@", "%", "@*")).map((parts) => parts.join("")),
  fc.tuple(label, label).map((either) => either.join("|")),
  fc.constantFrom("*", "*{2}", "*{1,3}", "*{,4}", "*{2,}")
)
const ltxtquery: fc.Arbitrary<string> = fc.letrec<{ query: string }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(label, fc.constantFrom("", "*", "@", "%")).map((parts) => parts.join("")),
    tie("query").map((inner) => `!(${inner})`),
    fc
      .tuple(tie("query"), fc.constantFrom("&", "|"), tie("query"))
      .map(([left, operator, right]) => `(${left}) ${operator} (${right})`)
  )
})).query
const jsonpath = fc
  .tuple(
    fc.constantFrom("", "lax ", "strict "),
    fc.array(
      fc.oneof(
        label.filter((name) => /^[a-z]/i.test(name)).map((name) => `.${name}`),
        awkward.map((name) => `.${JSON.stringify(name)}`),
        integer(0, 99).map((index) => `[${index}]`),
        fc.constantFrom("[*]", ".*", ".**", "[last]", "[0 to 3]", ".size()", ".type()"),
        integer(-99, 99).map((number) => ` ? (@ > ${number} || exists (@.x))`)
      ),
      { maxLength: 5 }
    )
  )
  .map(([mode, steps]) => `${mode}$${steps.join("")}`)
/** A year and a later one. */
const years = fc.tuple(integer(1, 3000), integer(1, 999)).map(([year, later]) => [year, year + later] as const)
const rangeOfYears = (rest: string) =>
  range(
    years.map(
      ([from, to]) =>
        [
          `"${String(from).padStart(4, "0")}${rest}"`,
          `"${to}${rest}"`.replace(/"(\d{1,3})-/, (_, y: string) => `"${y.padStart(4, "0")}-`)
        ] as const
    )
  )
const snapshot = fc
  .tuple(integer(3, 2 ** 30), fc.uniqueArray(integer(0, 99), { maxLength: 5 }))
  .map(([first, running]) => {
    const ids = running.sort((a, b) => a - b).map((n) => first + n)
    return `${ids[0] ?? first}:${(ids.at(-1) ?? first) + (ids.length > 0 ? 1 : 0)}:${ids.join(",")}`
  })
const rangeOfFloats = range(
  fc
    .tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ noNaN: true, noDefaultInfinity: true }))
    .map(([a, b]) => [String(Math.min(a, b)), String(Math.max(a, b))] as const)
)
const vector = (item: fc.Arbitrary<string>) => fc.array(item, { maxLength: 5 }).map((all) => all.join(" "))

export const builtinLiterals: ReadonlyArray<LiteralType> = [
  { type: "bool", edges: ["t", "f"], random: fc.constantFrom("t", "f") },
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
  { type: "xid", edges: ["0", "4294967295"], random: unsigned32 },
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
  { type: "money", edges: ["1.5", "-100000.25"], serverOnly: true, random: cents },
  { type: "text", edges: ["", "é€😀", "\ufeffmark", "x".repeat(5000), "NULL"], random: awkward },
  { type: "varchar", edges: ["", "x"], random: awkward },
  { type: "bpchar(5)", edges: ["ab", ""], random: awkward.map((text) => Array.from(text).slice(0, 5).join("")) },
  { type: "name", edges: ["pg_class"], random: awkward },
  { type: '"char"', edges: ["a", ""], random: integer(33, 126).map((code) => String.fromCharCode(code)) },
  {
    type: '"char"',
    edges: ["\\200", "\\377"],
    since: 15,
    random: integer(128, 255).map((code) => `\\${code.toString(8)}`)
  },
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
  { type: "jsonpath", edges: ["$.a[*] ? (@ > 1)"], random: jsonpath },
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
  { type: "interval", edges: ["2562047788:00:54.775807"], since: 15, random: clock },
  { type: "interval", edges: ["infinity", "-infinity"], since: 17, random: clock },
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
  {
    type: "bit(3)",
    edges: ["101", "000"],
    random: fc.stringOf(fc.constantFrom("0", "1"), { minLength: 3, maxLength: 3 })
  },
  { type: "varbit", edges: ["", "0", "101010101"], random: fc.stringOf(fc.constantFrom("0", "1"), { maxLength: 40 }) },
  {
    type: "point",
    edges: ["(NaN,Infinity)", "(-0,1e300)"],
    random: point
  },
  {
    type: "line",
    edges: ["{1,2,3}"],
    random: fc.tuple(integer(1, 99), float8, float8).map(([a, b, c]) => `{${a},${b},${c}}`)
  },
  { type: "lseg", edges: ["[(1,2),(3,4)]"], random: corners.map((both) => `[${both}]`) },
  { type: "box", edges: ["(3,4),(1,2)"], random: corners },
  {
    type: "path",
    edges: ["((1,2),(3,4))", "[(1,2),(3,4)]"],
    random: fc.oneof(
      points.map((all) => `(${all})`),
      points.map((all) => `[${all}]`)
    )
  },
  { type: "polygon", edges: ["((1,2),(3,4),(5,6))"], random: points.map((all) => `(${all})`) },
  {
    type: "circle",
    edges: ["<(1,2),3>"],
    random: fc.tuple(point, integer(0, 9999)).map(([centre, radius]) => `<${centre},${radius}>`)
  },
  {
    type: "tsvector",
    edges: ["", "'a':1A,2B,3 'it''s':5C"],
    random: fc.array(lexeme, { maxLength: 4 }).map((all) => all.join(" ")),
    serverOnly: true
  },
  { type: "tsquery", edges: ["", "a & b | !c", "a <-> (b <-> c)"], random: query, serverOnly: true },
  {
    type: "pg_lsn",
    edges: ["16/B374D848", "0/0", "FFFFFFFF/FFFFFFFF"],
    serverOnly: true,
    random: fc
      .tuple(integer(0, 2 ** 31 - 1), integer(0, 2 ** 31 - 1))
      .map((both) => both.map((half) => half.toString(16)).join("/"))
  },
  {
    type: "tid",
    edges: ["(0,1)", "(4294967295,65535)"],
    serverOnly: true,
    random: fc.tuple(unsigned32, integer(0, 65_535)).map((both) => `(${both.join(",")})`)
  },
  { type: "pg_snapshot", edges: ["10:20:10,14,15", "10:10:"], serverOnly: true, random: snapshot },
  { type: "txid_snapshot", edges: ["10:20:10,14,15"], serverOnly: true, random: snapshot },
  {
    type: "regclass",
    edges: ["pg_class"],
    serverOnly: true,
    random: fc.constantFrom("pg_class", "pg_type", "pg_attribute", "information_schema.tables")
  },
  {
    type: "regtype",
    edges: ["integer"],
    serverOnly: true,
    random: fc.constantFrom("integer", "text", "timestamp with time zone", "character varying", "integer[]")
  },
  { type: "int4range", edges: ["empty", "(,)", "[1,1]"], random: range(ascending) },
  { type: "numrange", edges: ["empty", "[1.50,2]"], random: range(ascending) },
  {
    type: "tstzrange",
    edges: ["empty", "[-infinity,infinity]", '["0044-03-15 BC",)'],
    random: rangeOfYears("-06-15 12:34:56.789+00")
  },
  { type: "daterange", edges: ["[2024-01-01,2024-02-01)", "[-infinity,infinity]"], random: rangeOfYears("-06-15") },
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
  {
    type: "jsonb[]",
    edges: ['{{"[1]","2"},{"3","[4,5]"}}', '{"[1,2]",NULL}'],
    respelled: true,
    // a string in an array without a form is JSON text
    random: list(json.filter((text) => !text.startsWith('"')).map(escaped))
  },
  {
    type: "box[]",
    edges: ["{(3,4),(1,2);(5,6),(0,0)}"],
    random: fc.array(corners, { maxLength: 4 }).map((all) => `{${all.join(";")}}`)
  },
  {
    type: "timestamptz[]",
    edges: ['{infinity,"0044-03-15 BC",NULL}'],
    random: list(fc.tuple(timestamp, offset).map(([{ text, era }, zone]) => `"${text}${zone}${era}"`))
  },
  { type: "int4range[]", edges: ['{"[1,5)",empty,NULL}'], random: list(range(ascending).map((one) => `"${one}"`)) },
  { type: "int2vector", edges: ["1 2 3", ""], random: vector(integer(-32768, 32767).map(String)) },
  { type: "oidvector", edges: ["1 4294967295"], random: vector(unsigned32) }
]

const mood = fc.constantFrom("sad", "ok", 'happy, "x"')
const pair = fc.tuple(fc.integer(), awkward, numeric).map(([a, b, c]) => `(${a},${doubled(b)},${c})`)
const nest = fc
  .tuple(pair, list(pair.map(escaped)), mood, positive, list(positive))
  .map((fields) => `(${fields.map(doubled).join(",")})`)
const hstore = fc
  .array(fc.tuple(awkward, fc.option(awkward)), { maxLength: 3 })
  .map((all) => all.map(([k, v]) => `${escaped(k)}=>${v === null ? "NULL" : escaped(v)}`).join(","))

/** What `userSchema` creates. */
export const userLiterals: ReadonlyArray<LiteralType> = [
  { type: "mood", edges: ["sad", 'happy, "x"'], random: mood },
  { type: "mood[]", edges: ['{sad,"happy, \\"x\\"",NULL}'], random: list(mood.map(escaped)) },
  { type: "positive", edges: ["5"], random: positive },
  { type: "positive[]", edges: ["{1,2,NULL}"], random: list(positive) },
  { type: "positives", edges: ["{1,2}"], random: list(positive) },
  {
    type: "pair",
    edges: ["(,,)", '(,"",)'],
    random: pair
  },
  { type: "pair[]", edges: ['{"(1,\\"x y\\",2)","(,,)",NULL}'], random: list(pair.map(escaped)) },
  { type: "nest", edges: ['("(1,""a b"",2.0)","{""(1,x,2)"",NULL}",sad,5,"{1,2}")', "(,,,,)"], random: nest },
  {
    type: "row_of_table",
    edges: ['(5,"(,,,,)")', "(,)"],
    random: fc.tuple(fc.integer(), nest).map(([id, inner]) => `(${id},${doubled(inner)})`)
  },
  { type: "frange", edges: ["[0.1,0.2)", "[1,)", "empty"], random: rangeOfFloats },
  {
    type: "fmultirange",
    edges: ["{[0.1,0.2)}", "{}"],
    random: fc.array(rangeOfFloats, { maxLength: 3 }).map((all) => `{${all.join(",")}}`)
  },
  {
    type: "hstore",
    edges: ["", 'NULL=>"NULL"', '"__proto__"=>"x"'],
    random: hstore
  },
  { type: "hstore[]", edges: ['{"\\"a\\"=>\\"1\\""}'], random: list(hstore.map(escaped)) },
  { type: "citext", edges: ["AbC"], random: awkward },
  { type: "citext[]", edges: ["{A,b}"], random: list(awkward.map(escaped)) },
  { type: "ltree", edges: ["Top.Science"], random: fc.array(label, { maxLength: 4 }).map((all) => all.join(".")) },
  {
    type: "lquery",
    edges: ["Top.*"],
    random: fc.array(lqueryItem, { minLength: 1, maxLength: 4 }).map((all) => all.join("."))
  },
  { type: "ltxtquery", edges: ["a & b"], random: ltxtquery }
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
