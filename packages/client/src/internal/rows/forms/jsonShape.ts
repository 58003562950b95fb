// Parsed JSON takes the shape that a Schema's encoded side has: its numbers become a bigint, a double that holds them exactly, or a BigDecimal of
// their digits, and wrappers are put around what they hold. What fits nothing stays as it is: the Schema refuses it. Works in place: the value
// was parsed for it.
import { decimalOf, JsonNumber, ValueError, wholeOf } from "@pgfx/codecs"
import type * as BigDecimal from "effect/BigDecimal"
import * as SchemaAST from "effect/SchemaAST"
import { isObject, setOwn } from "../ownKey.ts"
import { arraysOf, structsOf } from "./containers.ts"
import { toBigDecimal } from "./effectValues.ts"
import { isAnything, markOf, type Member, membersOf } from "./encoded.ts"
import type { Convert } from "./Fit.ts"
import { typesAt } from "./structs.ts"
import { wrapperOf } from "./wrappers.ts"

export const isBigDecimal = ({ node }: Member): boolean => markOf(node) === "effect/BigDecimal"

const noNumber = (form: string, issue: string): ValueError =>
  new ValueError({ type: "json", form, issue, remedy: "read it as text" })

/** As codecs read numbers where nobody asks for digits: whole ones exactly, others the nearest double. */
const plainNumber = ({ digits }: JsonNumber): number | bigint => {
  const value = Number(digits)
  if (!/[.eE]/.test(digits)) return Number.isSafeInteger(value) ? value : BigInt(digits)
  if (Number.isFinite(value)) return value
  throw noNumber("number", "a number beyond the range of a double")
}

/** Without a Schema's opinion: every JsonNumber an ordinary number. */
const plain: Convert = (value) => {
  if (value instanceof JsonNumber) return plainNumber(value)
  if (Array.isArray(value)) return value.map(plain)
  if (!isObject(value)) return value
  for (const key of Object.keys(value)) value[key] = plain(value[key])
  return value
}

const decimal = (digits: string): BigDecimal.BigDecimal => {
  const value = decimalOf(digits)
  if (value === undefined) throw noNumber("BigDecimal", "an exponent of more than six digits")
  return toBigDecimal(value)
}

interface Takes {
  readonly number: boolean
  readonly bigint: boolean
  readonly decimal: boolean
}

const takesOf = (members: ReadonlyArray<Member>): Takes => {
  const has = (test: (member: Member) => boolean) => members.some((member) => isAnything(member) || test(member))
  const literal = (node: SchemaAST.AST, type: string) => SchemaAST.isLiteral(node) && typeof node.literal === type
  return {
    number: has(({ node }) => SchemaAST.isNumberKeyword(node) || literal(node, "number") || SchemaAST.isEnums(node)),
    bigint: has(({ node }) => SchemaAST.isBigIntKeyword(node) || literal(node, "bigint")),
    decimal: members.some(isBigDecimal)
  }
}

/** The double is this whole number, or JavaScript writes the one as the other: 2 ** 60 as 1152921504606847000, 1e300 as 10^300. */
const stands = (double: number, value: bigint): boolean => {
  if (!Number.isFinite(double)) return false
  if (BigInt(double) === value) return true
  const written = decimalOf(String(double))
  return written !== undefined && wholeOf(written) === value
}

/** A number in the form that is wanted at its place; in another if that cannot hold it: the Schema says so. */
const numberFor = (takes: Takes, value: number | bigint): unknown => {
  if (typeof value === "number") {
    return takes.number || !takes.bigint || !Number.isInteger(value) ? value : BigInt(value)
  }
  if (takes.bigint || !takes.number) return value
  const double = Number(value)
  return stands(double, value) ? double : value
}

const scalarFor = (takes: Takes, value: unknown): unknown => {
  if (value instanceof JsonNumber) {
    return takes.decimal && !takes.number ? decimal(value.digits) : numberFor(takes, plainNumber(value))
  }
  return typeof value === "number" || typeof value === "bigint" ? numberFor(takes, value) : value
}

/** Members of a union whose literal members an object does not contradict: tagged unions follow their tag. */
const applicable = (
  structs: ReadonlyArray<SchemaAST.TypeLiteral>,
  value: Readonly<Record<string, unknown>>
): ReadonlyArray<SchemaAST.TypeLiteral> =>
  structs.length < 2
    ? structs
    : structs.filter((struct) =>
        struct.propertySignatures.every(({ isOptional, name, type }) => {
          if (!SchemaAST.isLiteral(type) || isOptional) return true
          const actual = Object.hasOwn(value, name) ? value[String(name)] : undefined
          return actual === type.literal || (actual instanceof JsonNumber && plainNumber(actual) === type.literal)
        })
      )

type Shape = (value: unknown) => unknown

/** One function for each list of nodes, made when it is first needed: Schemas may contain themselves. */
export const shaper = (): ((asts: ReadonlyArray<SchemaAST.AST>) => Shape) => {
  const byNode = new WeakMap<SchemaAST.AST, Shape>()
  const shapeOf = (asts: ReadonlyArray<SchemaAST.AST>): Shape => {
    const [only] = asts
    if (asts.length !== 1 || only === undefined) return make(asts)
    const known = byNode.get(only)
    if (known !== undefined) return known
    let made: Shape | undefined
    const lazy: Shape = (value) => (made ??= make(asts))(value)
    byNode.set(only, lazy)
    return lazy
  }
  const make = (asts: ReadonlyArray<SchemaAST.AST>): Shape => {
    const members = membersOf(asts)
    const takes = takesOf(members)
    const wrapper = members.map(({ node }) => wrapperOf(node)).find((found) => found !== undefined)
    if (wrapper !== undefined) {
      const inner = shapeOf([wrapper.inner])
      return (value) => (value === null ? null : wrapper.wrap(inner(value)))
    }
    const arrays = arraysOf(members)
    const structs = structsOf(members)
    const ofIndex = new Map<number, Shape>()
    const itemShape = (index: number): Shape => {
      const at = Math.min(index, fixedLength)
      const known = ofIndex.get(at)
      if (known !== undefined) return known
      const made = shapeOf(arrays.flatMap((array) => array.at(at)))
      ofIndex.set(at, made)
      return made
    }
    const fixedLength = Math.max(0, ...arrays.map((array) => array.elements.length))
    const wrap = arrays[0]?.wrap
    const object = objectShape(structs, shapeOf)
    return (value) => {
      if (Array.isArray(value)) {
        if (arrays.length === 0) return plain(value)
        const items = value.map((item, i) => itemShape(i)(item))
        return wrap === undefined ? items : wrap(items)
      }
      return isObject(value) && !(value instanceof JsonNumber) ? object(value) : scalarFor(takes, value)
    }
  }
  return shapeOf
}

const objectShape = (
  structs: ReadonlyArray<SchemaAST.TypeLiteral>,
  shapeOf: (asts: ReadonlyArray<SchemaAST.AST>) => Shape
): ((value: Record<string, unknown>) => unknown) => {
  if (structs.length === 0) return plain
  const known = new Map<string, Shape>()
  const named = new Set(structs.flatMap((struct) => struct.propertySignatures.map((property) => property.name)))
  const shapeAt = (applying: ReadonlyArray<SchemaAST.TypeLiteral>, key: string): Shape => {
    // keys of index signatures come from the data, and are all alike
    const name = `${applying.map((struct) => structs.indexOf(struct)).join()}${named.has(key) ? `:${key}` : ""}`
    const found = known.get(name)
    if (found !== undefined) return found
    const types = typesAt(applying, key)
    const made = types.length === 0 ? plain : shapeOf(types)
    known.set(name, made)
    return made
  }
  return (value) => {
    const applying = applicable(structs, value)
    for (const key of Object.keys(value)) setOwn(value, key, shapeAt(applying, key)(value[key]))
    return value
  }
}
