// Arrays, composites, ranges and multiranges under an encoded side: their parts by the same rules as columns. `partFit` is fit.ts's, handed
// over to keep the two files apart.
import type { Codec, Form } from "@pgfx/codecs"
import * as SchemaAST from "effect/SchemaAST"
import { getOwn, isObject, setOwn } from "../ownKey.ts"
import { isNothing, type Member, membersOf } from "./encoded.ts"
import { type Convert, type Direction, fit, type Fit, misfit, type Misfit } from "./Fit.ts"
import { nullable, nullAs } from "./nulls.ts"
import { isOptionalAt, requiredKeys, typesAt } from "./structs.ts"
import { type ArrayLike, arrayLikeOf } from "./wrappers.ts"

export type PartFit = (direction: Direction, asts: ReadonlyArray<SchemaAST.AST>, codec: Codec) => Fit | Misfit

type ShapeOf<Tag extends Codec["shape"]["_tag"]> = Extract<Codec["shape"], { readonly _tag: Tag }>

export const arraysOf = (members: ReadonlyArray<Member>): ReadonlyArray<ArrayLike> =>
  members.flatMap(({ node }) => arrayLikeOf(node) ?? [])

export const structsOf = (members: ReadonlyArray<Member>): ReadonlyArray<SchemaAST.TypeLiteral> =>
  members.flatMap(({ node }) => (SchemaAST.isTypeLiteral(node) ? [node] : []))

// ---- arrays

/** PostgreSQL's limit of dimensions, MAXDIM in src/include/utils/array.h; also what stops at a Schema of arrays of itself. */
const deepest = 6

interface Level {
  readonly _tag: "Level"
  readonly element: Form | undefined
  readonly depth: number
  readonly convert: Convert | undefined
  readonly warnings: ReadonlyArray<string>
}

/** Elements that are JavaScript arrays themselves. Any other that meets one is left alone: the Schema refuses it. */
const mayBeArray = (form: Form | undefined): boolean =>
  form === "json" ||
  form === "jsonNumbers" ||
  form === "geometry" ||
  (typeof form === "object" && form._tag !== "fields")

const eachOf = (
  direction: Direction,
  [first]: ReadonlyArray<ArrayLike>,
  convert: Convert | undefined,
  arrays: boolean
): Convert | undefined => {
  const each =
    convert === undefined ? undefined : (item: unknown) => (Array.isArray(item) && !arrays ? item : convert(item))
  const map = (value: unknown): unknown => (each === undefined || !Array.isArray(value) ? value : value.map(each))
  if (direction === "write") {
    const unwrap = first?.unwrap
    return unwrap === undefined && each === undefined
      ? undefined
      : (value) => map(unwrap === undefined ? value : unwrap(value))
  }
  const wrap = first?.wrap
  if (wrap === undefined) return each === undefined ? undefined : map
  return (value) => (Array.isArray(value) ? wrap(map(value)) : value)
}

const levelOf = (
  direction: Direction,
  arrays: ReadonlyArray<ArrayLike>,
  element: Codec,
  partFit: PartFit,
  depth: number
): Level | Misfit => {
  const asts = arrays.flatMap((array) => array.elements)
  const inner = partFit(direction, asts, element)
  if (inner._tag === "Fit") {
    const convert = nullable(asts, inner.convert)
    return {
      _tag: "Level",
      element: inner.form,
      depth,
      convert: eachOf(direction, arrays, convert, mayBeArray(inner.form)),
      warnings: inner.warnings
    }
  }
  const members = membersOf(asts).filter((member) => !isNothing(member))
  const nested = arraysOf(members)
  if (depth >= deepest || nested.length === 0 || nested.length < members.length) return inner
  const deeper = levelOf(direction, nested, element, partFit, depth + 1)
  return deeper._tag === "Misfit"
    ? deeper
    : { ...deeper, convert: eachOf(direction, arrays, nullable(asts, deeper.convert), true) }
}

export const arrayFit = (
  direction: Direction,
  members: ReadonlyArray<Member>,
  { element }: ShapeOf<"Array">,
  partFit: PartFit
): Fit | Misfit | undefined => {
  const arrays = arraysOf(members)
  if (arrays.length === 0) return undefined
  const level = levelOf(direction, arrays, element, partFit, 1)
  if (level._tag === "Misfit") return level
  const form: Form = {
    _tag: "array",
    element: level.element,
    ...(level.depth > 1 && mayBeArray(level.element) ? { dimensions: level.depth } : {})
  }
  return fit(form, level.convert, level.warnings)
}

// ---- composites

interface Attribute {
  readonly name: string
  readonly fits: Fit
  readonly convert: Convert | undefined
  /** NULL is an absent key, and the other way round */
  readonly optional: boolean
}

const convertStruct = (direction: Direction, attributes: ReadonlyArray<Attribute>): Convert | undefined => {
  if (attributes.every(({ convert, optional }) => convert === undefined && !optional)) return undefined
  return (value) => {
    if (!isObject(value)) return value
    const object: Record<string, unknown> = {}
    for (const { convert, name, optional } of attributes) {
      const item = getOwn(value, name)
      if (direction === "read") {
        if (!optional || item !== null) setOwn(object, name, convert === undefined ? item : convert(item))
      } else if (optional && item === undefined) setOwn(object, name, null)
      else if (item !== undefined || Object.hasOwn(value, name)) {
        setOwn(object, name, convert === undefined ? item : convert(item))
      }
    }
    return object
  }
}

const byName = (
  direction: Direction,
  structs: ReadonlyArray<SchemaAST.TypeLiteral>,
  codec: Codec,
  shape: ShapeOf<"Composite">,
  partFit: PartFit
): Fit | Misfit => {
  const names = shape.attributes.map((attribute) => attribute.name)
  const missing = requiredKeys(structs).find((key) => !names.includes(key))
  if (missing !== undefined) {
    return misfit(`${codec.name} has no attribute ${JSON.stringify(missing)}; it has ${names.join(", ")}`)
  }
  const attributes: Array<Attribute> = []
  for (const { codec: inner, name } of shape.attributes) {
    const asts = typesAt(structs, name)
    if (asts.length === 0) {
      if (direction === "read") continue
      return misfit(`the Schema has nothing for the attribute ${JSON.stringify(name)} of ${codec.name}`)
    }
    const fits = partFit(direction, asts, inner)
    if (fits._tag === "Misfit") return misfit(`attribute ${JSON.stringify(name)}: ${fits.message}`)
    const optional = isOptionalAt(structs, name) && nullAs(asts) === "refuse"
    attributes.push({ name, fits, convert: nullable(asts, fits.convert), optional })
  }
  const forms = new Map<string, Form>()
  for (const { fits, name } of attributes) if (fits.form !== undefined) forms.set(name, fits.form)
  return fit(
    { _tag: "fields", fields: forms },
    convertStruct(direction, attributes),
    attributes.flatMap(({ fits }) => fits.warnings)
  )
}

const byPosition = (
  direction: Direction,
  arrays: ReadonlyArray<ArrayLike>,
  codec: Codec,
  shape: ShapeOf<"Composite">,
  partFit: PartFit
): Fit | Misfit => {
  const count = shape.attributes.length
  const length = arrays.find((array) => array.length !== undefined && array.length !== count)?.length
  if (length !== undefined) return misfit(`${codec.name} has ${count} attributes, the Schema has ${length} elements`)
  const fits: Array<Fit> = []
  const converts: Array<Convert | undefined> = []
  for (const [i, attribute] of shape.attributes.entries()) {
    const asts = arrays.flatMap((array) => array.at(i))
    const part = partFit(direction, asts, attribute.codec)
    if (part._tag === "Misfit") return misfit(`attribute ${JSON.stringify(attribute.name)}: ${part.message}`)
    fits.push(part)
    converts.push(nullable(asts, part.convert))
  }
  const each = (item: unknown, i: number): unknown => {
    const convert = converts[i]
    return convert === undefined ? item : convert(item)
  }
  const convert: Convert = (value) => (Array.isArray(value) ? value.map(each) : value)
  return fit(
    { _tag: "tuple", elements: fits.map((part) => part.form) },
    converts.some((each) => each !== undefined) ? convert : undefined,
    fits.flatMap((part) => part.warnings)
  )
}

export const compositeFit = (
  direction: Direction,
  members: ReadonlyArray<Member>,
  codec: Codec,
  shape: ShapeOf<"Composite">,
  partFit: PartFit
): Fit | Misfit | undefined => {
  const structs = structsOf(members)
  if (structs.length > 0) return byName(direction, structs, codec, shape, partFit)
  const arrays = arraysOf(members)
  return arrays.length > 0 ? byPosition(direction, arrays, codec, shape, partFit) : undefined
}

/** An anonymous composite names no types: its fields come in their default forms. */
export const recordFit = (direction: Direction, members: ReadonlyArray<Member>): Fit | Misfit | undefined => {
  if (direction === "write") return misfit("the server takes no anonymous record as input")
  if (arraysOf(members).length > 0) return fit({ _tag: "tuple" })
  return structsOf(members).length === 0
    ? undefined
    : misfit("record has no names: read it as a tuple, or cast it to a composite type")
}

// ---- ranges

export const rangeFit = (
  direction: Direction,
  members: ReadonlyArray<Member>,
  subtype: Codec,
  partFit: PartFit
): Fit | Misfit | undefined => {
  const structs = structsOf(members)
  if (structs.length === 0) return undefined
  const asts = [...typesAt(structs, "lower"), ...typesAt(structs, "upper")]
  const bound = asts.length === 0 ? fit(undefined) : partFit(direction, asts, subtype)
  if (bound._tag === "Misfit") return misfit(`bounds: ${bound.message}`)
  const convert = nullable(asts, bound.convert)
  const both: Convert | undefined =
    convert === undefined
      ? undefined
      : (value) =>
          isObject(value) && "lower" in value && "upper" in value
            ? { ...value, lower: convert(value["lower"]), upper: convert(value["upper"]) }
            : value
  return fit({ _tag: "range", bound: bound.form }, both, bound.warnings)
}

export const multirangeFit = (
  direction: Direction,
  members: ReadonlyArray<Member>,
  subtype: Codec,
  partFit: PartFit
): Fit | Misfit | undefined => {
  const arrays = arraysOf(members)
  if (arrays.length === 0) return undefined
  const range = rangeFit(direction, membersOf(arrays.flatMap((array) => array.elements)), subtype, partFit)
  if (range === undefined || range._tag === "Misfit") return range
  const bound = typeof range.form === "object" && range.form._tag === "range" ? range.form.bound : undefined
  return fit({ _tag: "multirange", bound }, eachOf(direction, arrays, range.convert, false), range.warnings)
}
