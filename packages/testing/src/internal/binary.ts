// Values in PostgreSQL's binary format, from the text a script gives: a client that knows a statement asks for binary, and a script
// shall not have to care. The usual scalar types only; of any other the script gives the bytes. Source: the `…send` functions in
// src/backend/utils/adt.
const int = (bytes: 2 | 4 | 8) => (text: string) => {
  const view = new DataView(new ArrayBuffer(bytes))
  if (bytes === 8) view.setBigInt64(0, BigInt(text))
  else if (bytes === 4) view.setInt32(0, Number(text))
  else view.setInt16(0, Number(text))
  return new Uint8Array(view.buffer)
}

const float = (bytes: 4 | 8) => (text: string) => {
  const view = new DataView(new ArrayBuffer(bytes))
  if (bytes === 8) view.setFloat64(0, Number(text))
  else view.setFloat32(0, Number(text))
  return new Uint8Array(view.buffer)
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))

/** 2000-01-01 in milliseconds since 1970 */
const epoch = Date.UTC(2000, 0, 1)

/** Microseconds since 2000, of `2024-05-06 07:08:09.123456+00`; local times count as UTC. */
const micros = (text: string): Uint8Array => {
  const [, seconds = "", fraction = "", zone = ""] = /^(.{10}.{9})\.?(\d*)(.*)$/.exec(text) ?? []
  const offset = zone === "" ? "Z" : zone.replace(/^([+-]\d\d)$/, "$1:00")
  const whole = BigInt(Date.parse(`${seconds.replace(" ", "T")}${offset}`) - epoch) * 1000n
  return int(8)(String(whole + BigInt(fraction.padEnd(6, "0"))))
}

/** Groups of four decimal digits; only plain digits with a sign and a point. */
const numeric = (text: string): Uint8Array => {
  const [, sign = "", before = "", after = ""] = /^(-?)(\d+)\.?(\d*)$/.exec(text) ?? []
  const padded = before.padStart(Math.ceil(before.length / 4) * 4, "0")
  const groups = (padded + after.padEnd(Math.ceil(after.length / 4) * 4, "0")).match(/.{4}/g)?.map(Number) ?? []
  const shorts = [groups.length, padded.length / 4 - 1, sign === "-" ? 0x4000 : 0, after.length, ...groups]
  const view = new DataView(new ArrayBuffer(shorts.length * 2))
  for (const [i, short] of shorts.entries()) view.setInt16(i * 2, short)
  return new Uint8Array(view.buffer)
}

/** By OID of pg_type.dat. */
const encoders: ReadonlyMap<number, (text: string) => Uint8Array> = new Map([
  [16, (text: string) => Uint8Array.of(text === "t" || text === "true" ? 1 : 0)], // bool
  [17, (text: string) => fromHex(text.replace(/^\\x/, ""))], // bytea
  [18, utf8], // "char"
  [19, utf8], // name
  [20, int(8)], // int8
  [21, int(2)], // int2
  [23, int(4)], // int4
  [25, utf8], // text
  [26, (text: string) => int(4)(String(Number(text) | 0))], // oid
  [114, utf8], // json
  [700, float(4)], // float4
  [701, float(8)], // float8
  [705, utf8], // unknown
  [1042, utf8], // bpchar
  [1043, utf8], // varchar
  [1082, (text: string) => int(4)(String((Date.parse(text) - epoch) / 86_400_000))], // date
  [1114, micros], // timestamp
  [1184, micros], // timestamptz
  [1700, numeric], // numeric
  [2950, (text: string) => fromHex(text.replaceAll("-", ""))], // uuid
  [3802, (text: string) => Uint8Array.of(1, ...utf8(text))] // jsonb
])

/** `undefined`: not one of the types known here. */
export const binaryOf = (typeOid: number, text: string): Uint8Array | undefined => encoders.get(typeOid)?.(text)
