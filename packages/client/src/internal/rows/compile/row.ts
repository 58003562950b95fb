// ⚡ A whole row Schema over the chosen columns. A struct is built once, with its final keys and values, by the codecs' decoder; filters and
// classes then see the finished row. What is no struct, or changes the row as a whole in ways that need its encoded side, is built in the
// chosen forms first and decoded as one value.
import type { Codec, Form, NullRule, RowShape as DecoderShape } from "@pgfx/codecs"
import * as Option from "effect/Option"
import * as SchemaAST from "effect/SchemaAST"
import type { ChosenColumns } from "../columns.ts"
import type { Convert } from "../forms/Fit.ts"
import { isObject, setOwn } from "../ownKey.ts"
import { type CompiledColumn, compileColumn, compileMember } from "./column.ts"
import { compile } from "./compile.ts"
import { type Decode, identity, refused } from "./Decode.ts"
import { stepOf } from "./transformation.ts"
import { isAnnotatedAway } from "./viaParseResult.ts"

/** A column of the codecs' decoder, but for its format. */
export interface RowColumnPlan {
  readonly name: string
  readonly codec: Codec
  readonly skip?: boolean
  readonly key?: string
  readonly form?: Form | undefined
  readonly finish?: Convert | undefined
  readonly ifNull?: NullRule | (() => unknown)
  readonly optional?: boolean
}

export interface CompiledRow {
  readonly shape: DecoderShape
  readonly columns: ReadonlyArray<RowColumnPlan>
  /** what is left to be done to every row; answers `refused` if the row is not certainly right. Absent: nothing */
  readonly step: Decode | undefined
}

/** Rows in the chosen forms: what the Schema's encoded side is. */
export const encodedRow = ({ columns, shape }: ChosenColumns): CompiledRow => ({
  shape,
  columns: columns.map(({ codec, name, read }) =>
    read === undefined ? { name, codec, skip: true } : { name, codec, ...read }
  ),
  step: undefined
})

type Layer = SchemaAST.Refinement | SchemaAST.Transformation

interface Layers {
  readonly base: SchemaAST.AST
  /** innermost first */
  readonly layers: ReadonlyArray<Layer>
}

/** Down to the encoded node; `undefined` if an annotation on the way changes how the rest is decoded. */
const layersOf = (ast: SchemaAST.AST): Layers | undefined => {
  const layers: Array<Layer> = []
  let node = ast
  for (;;) {
    if (isAnnotatedAway(node)) return undefined
    if (SchemaAST.isRefinement(node) || SchemaAST.isTransformation(node)) {
      layers.unshift(node)
      node = node.from
    } else if (SchemaAST.isSuspend(node)) node = node.f()
    else return { base: node, layers }
  }
}

/** Schema.Class and its kin: their decode makes an instance of the decoded row and looks at nothing else. */
const isClass = (layer: SchemaAST.Transformation): boolean =>
  Option.isSome(SchemaAST.getSurrogateAnnotation(layer)) &&
  SchemaAST.isDeclaration(layer.to) &&
  Option.isSome(SchemaAST.getSurrogateAnnotation(layer.to))

/** What a layer does to a decoded row; `undefined` if it needs the encoded row as well. */
const layerStep = (layer: Layer, sameAsEncoded: boolean): Decode | undefined => {
  if (SchemaAST.isRefinement(layer)) {
    return (row) => (Option.isNone(layer.filter(row, SchemaAST.defaultParseOption, layer)) ? row : refused)
  }
  if (SchemaAST.isFinalTransformation(layer.transformation) && !sameAsEncoded && !isClass(layer)) return undefined
  const step = stepOf(layer)
  const to = compile(layer.to)
  return (row) => {
    const decoded = step(row)
    return decoded === refused ? refused : to(decoded)
  }
}

const inTurn = (steps: ReadonlyArray<Decode>): Decode | undefined => {
  const [first] = steps
  if (steps.length < 2) return first
  return (row) => {
    let value = row
    for (const step of steps) {
      value = step(value)
      if (value === refused) return refused
    }
    return value
  }
}

/** A struct without transformations decodes to what it was. */
const isSameOnBothSides = (base: SchemaAST.AST): boolean => SchemaAST.typeAST(base) === base

/** The steps of all layers, or `undefined` if one of them cannot be done to a row that is built already. */
const stepsOf = (layers: ReadonlyArray<Layer>, isEncoded: boolean): ReadonlyArray<Decode> | undefined => {
  const steps: Array<Decode> = []
  let sameAsEncoded = isEncoded
  for (const layer of layers) {
    const step = layerStep(layer, sameAsEncoded)
    if (step === undefined) return undefined
    steps.push(step)
    sameAsEncoded &&= SchemaAST.isRefinement(layer)
  }
  return steps
}

// ---- members that are transformed: defaults, Options, other keys

interface Member {
  readonly transformation: SchemaAST.PropertySignatureTransformation
  readonly to: SchemaAST.PropertySignature
}

/** By key of the encoded side; `undefined` if the members get in one another's way, which only ParseResult's order settles. */
const membersOf = (base: SchemaAST.TypeLiteral, layer: Layer | undefined): ReadonlyMap<string, Member> | undefined => {
  const members = new Map<string, Member>()
  if (layer === undefined || !SchemaAST.isTransformation(layer)) return members
  const { to, transformation } = layer
  if (!SchemaAST.isTypeLiteralTransformation(transformation)) return members
  if (!SchemaAST.isTypeLiteral(to) || to.indexSignatures.length > 0 || isAnnotatedAway(to)) return undefined
  const names = new Set(base.propertySignatures.map((property) => property.name))
  const taken = new Set<PropertyKey>()
  for (const member of transformation.propertySignatureTransformations) {
    const target = to.propertySignatures.find((property) => property.name === member.to)
    const clashes = taken.has(member.to) || (member.to !== member.from && names.has(member.to))
    if (target === undefined || clashes || !names.has(member.from) || members.has(String(member.from))) return undefined
    taken.add(member.to)
    members.set(String(member.from), { transformation: member, to: target })
  }
  return members
}

/** Members whose column the statement does not return are made for every row. */
const fill = (absentMembers: ReadonlyArray<Member>): ReadonlyArray<Decode> =>
  absentMembers.map(({ to, transformation }) => {
    const check = compile(to.type)
    const key = String(to.name)
    return (row) => {
      const made = transformation.decode(Option.none())
      if (!isObject(row)) return refused
      if (Option.isNone(made)) return to.isOptional ? row : refused
      const value = check(made.value)
      if (value === refused) return refused
      setOwn(row, key, value)
      return row
    }
  })

const compileStruct = ({ base, layers }: Layers, chosen: ChosenColumns): CompiledRow | undefined => {
  if (!SchemaAST.isTypeLiteral(base) || base.propertySignatures.some((property) => typeof property.name === "symbol")) {
    return undefined
  }
  const [signature] = base.indexSignatures
  const isRecord = base.indexSignatures.length === 1 && base.propertySignatures.length === 0
  if (signature !== undefined && !(isRecord && SchemaAST.isStringKeyword(signature.parameter))) return undefined
  const members = membersOf(base, layers[0])
  const rest =
    members === undefined || members.size > 0
      ? stepsOf(layers.slice(1), false)
      : stepsOf(layers, isSameOnBothSides(base))
  if (members === undefined || rest === undefined) return undefined
  const types = new Map(base.propertySignatures.map((property) => [String(property.name), property.type]))
  const columns = chosen.columns.map(({ codec, name, read }): RowColumnPlan => {
    const type = types.get(name) ?? signature?.type
    if (read === undefined || type === undefined) return { name, codec, skip: true }
    const member = members.get(name)
    const column: CompiledColumn = compileColumn(type, codec, read)
    if (member === undefined) return { name, codec, key: name, ...column }
    return { name, codec, key: String(member.to.name), ...compileMember(column, member.transformation, member.to) }
  })
  const read = new Set(chosen.columns.filter((column) => column.read !== undefined).map((column) => column.name))
  const unread = [...members].filter(([key]) => !read.has(key)).map(([, member]) => member)
  return { shape: "object", columns, step: inTurn([...fill(unread), ...rest]) }
}

const compileTuple = ({ base, layers }: Layers, chosen: ChosenColumns): CompiledRow | undefined => {
  if (!SchemaAST.isTupleType(base) || base.rest.length > 1 || base.elements.some((element) => element.isOptional)) {
    return undefined
  }
  const steps = stepsOf(layers, isSameOnBothSides(base))
  if (steps === undefined) return undefined
  const columns = chosen.columns.map(({ codec, name, read }, i): RowColumnPlan => {
    const type = (base.elements[i] ?? base.rest[0])?.type
    return read === undefined || type === undefined
      ? { name, codec, skip: true }
      : { name, codec, key: read.key, ...compileColumn(type, codec, read) }
  })
  return { shape: "tuple", columns, step: inTurn(steps) }
}

const compileValue = (ast: SchemaAST.AST, chosen: ChosenColumns): CompiledRow => ({
  shape: "single",
  columns: chosen.columns.map(({ codec, name, read }) =>
    read === undefined
      ? { name, codec, skip: true }
      : { name, codec, key: read.key, ...compileColumn(ast, codec, read) }
  ),
  step: undefined
})

/** In the chosen forms first, then as one value. */
const compileWhole = (ast: SchemaAST.AST, chosen: ChosenColumns): CompiledRow => {
  const step = compile(ast)
  return { ...encodedRow(chosen), step: step === identity ? undefined : step }
}

export const compileRow = (ast: SchemaAST.AST, chosen: ChosenColumns): CompiledRow => {
  if (chosen.shape === "single") return compileValue(ast, chosen)
  const layers = layersOf(ast)
  const compiled =
    layers === undefined
      ? undefined
      : chosen.shape === "object"
        ? compileStruct(layers, chosen)
        : compileTuple(layers, chosen)
  return compiled ?? compileWhole(ast, chosen)
}
