// A single-value type under one member of an encoded side: the tables of the values' design, §3 and §5. Unions and containers are built on it
// (fit.ts, containers.ts); JSON has its own (json.ts).
import { type Codec, type Form, type ScalarForm, ValueError } from "@pgfx/codecs"
import type * as SchemaAST from "effect/SchemaAST"
import {
  fromBigDecimal,
  fromDuration,
  fromInstant,
  fromMillis,
  toBigDecimal,
  toDateTimeUtc,
  toDuration
} from "./effectValues.ts"
import { markOf, type Member } from "./encoded.ts"
import { type Convert, type Direction, fit, type Fit, misfit, type Misfit } from "./Fit.ts"
import { type Kind, kindOf } from "./kind.ts"
import { memberName } from "./schemaName.ts"

interface Way {
  readonly form: ScalarForm
  readonly finish?: Convert
}

// What the codecs' reader of bytes made.
const asBytes = (value: unknown): Uint8Array => value as Uint8Array

const isByte = (value: unknown): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255

/** Anything but an array of bytes is left to the codec, which refuses it. */
const fromByteArray: Convert = (value) => (Array.isArray(value) && value.every(isByte) ? Uint8Array.from(value) : value)

/** Forms by preference; the first that the type has. */
const ways: Partial<Record<Kind, ReadonlyArray<Way>>> = {
  text: [{ form: "text" }],
  instantText: [{ form: "utcText" }, { form: "text" }],
  number: [{ form: "number" }],
  bit: [{ form: "number" }],
  instantNumber: [{ form: "millis" }, { form: "number" }],
  bigint: [{ form: "bigint" }],
  boolean: [{ form: "boolean" }],
  date: [{ form: "date" }],
  dateTime: [{ form: "millis", finish: toDateTimeUtc }],
  decimal: [{ form: "decimal", finish: toBigDecimal }],
  duration: [{ form: "interval", finish: toDuration }],
  bytes: [{ form: "bytes" }],
  struct: [{ form: "geometry" }, { form: "map" }, { form: "interval" }],
  // Schema.Uint8Array encodes to an array of numbers
  tuple: [{ form: "geometry" }, { form: "bytes", finish: (value) => Array.from(asBytes(value)) }]
}

/** Text that a person might have written a date in: digits are text as well, and `new Date("1")` is a day in 2001. */
const mayHoldDates = ({ defaultForm, forms }: Codec): boolean => defaultForm === "text" && !forms.includes("number")

/** Types whose only number is a truth value, and types that have a form which is not theirs to offer under such a Schema. */
const isForeign = (kind: Kind, form: ScalarForm, codec: Codec): boolean =>
  (kind === "instantText" && form === "text" && !mayHoldDates(codec)) ||
  (kind === "number" && codec.forms.includes("boolean")) ||
  (kind === "struct" && form === "interval" && codec.defaultForm !== form)

const hint = (kind: Kind, codec: Codec): string | undefined => {
  switch (kind) {
    case "text":
      return codec.forms.includes("bytes") ? "Uint8ArrayFromSelf, or encode(…, 'hex') in SQL" : undefined
    case "number":
      if (codec.forms.includes("millis")) return "DateTimeUtcFromNumber reads milliseconds"
      return codec.name === "money" ? "::numeric" : undefined
    case "bigint":
    case "decimal":
      return codec.name === "money" ? "::numeric" : undefined
    default:
      return undefined
  }
}

const writeHint = (kind: Kind, codec: Codec): string | undefined =>
  kind === "tuple" ? "= ANY ($1) compares with every element of an array, IN ($1) with one value" : hint(kind, codec)

const zonedHint = (node: SchemaAST.AST): string | undefined =>
  markOf(node) === "effect/DateTime.Zoned" ? "the type stores no zone: use DateTimeUtc" : undefined

const warningsOf = (kind: Kind, form: ScalarForm, codec: Codec): ReadonlyArray<string> => {
  const isInstant = form === "date" || form === "millis" || form === "utcText"
  if (isInstant && (codec.name === "timestamp" || codec.name === "date"))
    return [`${codec.name} has no zone: it is read as UTC`]
  if (form !== "number" || kind === "bit") return []
  if (codec.name === "numeric") return ["numeric is read as Schema.Number: fractions are rounded"]
  return codec.name === "int8" || codec.name === "xid8"
    ? [`${codec.name} is read as Schema.Number: refused beyond ±(2^53 - 1)`]
    : []
}

const read = (member: Member, codec: Codec): Fit | Misfit => {
  const kind = kindOf(member)
  if (kind === "default") return fit(codec.defaultForm)
  for (const { form, finish } of ways[kind] ?? []) {
    if (!codec.forms.includes(form) || isForeign(kind, form, codec)) continue
    return fit(form, finish, warningsOf(kind, form, codec))
  }
  // a type of the user's own may give objects and arrays in a form of its own
  if ((kind === "struct" || kind === "tuple") && codec.defaultForm === "json") return fit(codec.defaultForm)
  return misfit(`${codec.name} cannot be read as ${memberName(member)}`, zonedHint(member.node) ?? hint(kind, codec))
}

// ---- writing

const fromKind: Partial<Record<Kind, Convert>> = {
  instantNumber: fromMillis,
  dateTime: fromInstant,
  date: fromInstant,
  decimal: fromBigDecimal,
  duration: fromDuration
}

/** Values of a kind that a type which takes the kind at all takes one of. */
const samples: Partial<Record<Kind, ReadonlyArray<unknown>>> = {
  number: [0, 1, -1, 0.5],
  bigint: [0n, 1n],
  boolean: [true],
  date: [new Date(0)],
  decimal: [{ unscaled: 0n, scale: 0 }],
  duration: [{ months: 0, days: 0, microseconds: 0n }],
  bytes: [new Uint8Array(16), new Uint8Array(0)]
}
const sampleKind = (kind: Kind): Kind => (kind === "dateTime" ? "date" : kind === "bit" ? "number" : kind)

const takes = (codec: Codec, form: Form | undefined, values: ReadonlyArray<unknown>): boolean => {
  const writer = codec.writer(form)
  return values.some((value) => {
    try {
      writer?.format(value)
      return writer !== undefined
    } catch (error) {
      if (error instanceof ValueError) return false
      throw error
    }
  })
}

const kindName: Partial<Record<Kind, string>> = {
  bit: "number",
  instantNumber: "number",
  dateTime: "DateTime",
  decimal: "BigDecimal",
  duration: "Duration",
  date: "Date",
  bytes: "Uint8Array",
  struct: "object",
  tuple: "array"
}

const withArticle = (noun: string): string => (/^[aeio]/.test(noun) ? `an ${noun}` : `a ${noun}`)

const write = (member: Member, codec: Codec): Fit | Misfit => {
  const kind = kindOf(member)
  const refused = () =>
    misfit(
      kind === "never"
        ? `${memberName(member)} encodes nothing that ${codec.name} takes`
        : `${memberName(member)} encodes ${withArticle(kindName[kind] ?? kind)}, the server expects ${codec.name}`,
      zonedHint(member.node) ?? writeHint(kind, codec)
    )
  switch (kind) {
    case "never":
      return refused()
    case "text":
    case "instantText":
      // the server parses it, whatever the type
      return codec.writer() === undefined ? refused() : fit(undefined)
    case "default":
      return codec.writer() === undefined ? refused() : fit(undefined, writeAnything)
    case "struct":
    case "tuple": {
      const fits = read(member, codec)
      if (fits._tag === "Misfit") return refused()
      return fit(undefined, fits.form === "bytes" ? fromByteArray : undefined)
    }
    case "bit":
      // a truth value where the type is one, else a number like others
      if (codec.forms.includes("boolean")) return takes(codec, "number", [1]) ? fit("number") : refused()
      return takes(codec, undefined, [0, 1]) ? fit(undefined) : refused()
    case "instantNumber":
      if (codec.forms.includes("millis")) return fit(undefined, fromMillis)
      return takes(codec, undefined, samples.number ?? []) ? fit(undefined) : refused()
    default:
      return takes(codec, undefined, samples[sampleKind(kind)] ?? []) ? fit(undefined, fromKind[kind]) : refused()
  }
}

/** A value whose Schema says nothing about it: whatever it is. */
export const writeAnything: Convert = (value) => fromDuration(fromInstant(fromBigDecimal(value)))

/** One member of an encoded side under a type of single values. */
export const scalarFit = (direction: Direction, member: Member, codec: Codec): Fit | Misfit =>
  direction === "read" ? read(member, codec) : write(member, codec)
