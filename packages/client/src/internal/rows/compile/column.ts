// ⚡ One column under the Schema of its field: in which form the codec reads it, and what is done to the value, NULL included. Throws `refusal`
// for what is not certainly right; whoever reads rows then decodes that row the long way.
import { absent, type Codec, type Form, type NullRule } from "@pgfx/codecs"
import * as Option from "effect/Option"
import * as SchemaAST from "effect/SchemaAST"
import type { ColumnRead } from "../columns.ts"
import { isNothing, membersOf } from "../forms/encoded.ts"
import { andThen, type Convert } from "../forms/Fit.ts"
import { compile } from "./compile.ts"
import { isKnownClass } from "./declaration.ts"
import { type Decode, identity, refused } from "./Decode.ts"
import { takesAll } from "./implied.ts"
import { shortcutFor } from "./shortcuts.ts"
import { isAnnotatedAway } from "./viaParseResult.ts"

/** Not an Error: made once, it costs no stack. */
export const refusal: unique symbol = Symbol("refusal")

/** What the codec is asked for, and how the field's value is made of it. */
export interface CompiledColumn {
  readonly form: Form | undefined
  /** absent: the codec's value is the field's */
  readonly finish: Convert | undefined
  readonly ifNull: NullRule | (() => unknown)
  /** the key may be missing */
  readonly optional: boolean
}

interface Peeled {
  readonly form: Form
  readonly decode: Decode
}

const both =
  (first: Decode, second: Decode): Decode =>
  (value) => {
    const between = first(value)
    return between === refused ? refused : second(between)
  }

const isNothingAtAll = (ast: SchemaAST.AST): boolean => membersOf([ast]).every(isNothing)

/**
 * A shortcut below filters and `NullOr`, for values that are not NULL. Not below transformations: those are also handed the encoded value,
 * which a shortcut does not make.
 */
const peel = (ast: SchemaAST.AST, codec: Codec): Peeled | undefined => {
  if (isAnnotatedAway(ast)) return undefined
  const short = shortcutFor(ast, codec)
  if (short !== undefined) return { form: short.form, decode: short.finish ?? identity }
  switch (ast._tag) {
    case "Refinement": {
      const from = peel(ast.from, codec)
      if (from === undefined) return undefined
      const filter: Decode = (value) =>
        Option.isNone(ast.filter(value, SchemaAST.defaultParseOption, ast)) ? value : refused
      return { form: from.form, decode: both(from.decode, filter) }
    }
    case "Union": {
      const [only, ...others] = ast.types.filter((type) => !isNothingAtAll(type))
      return only === undefined || others.length > 0 ? undefined : peel(only, codec)
    }
    default:
      return undefined
  }
}

/** Throws where a Schema refuses. */
const certain = (decode: Decode): Convert | undefined =>
  decode === identity
    ? undefined
    : (value) => {
        const decoded = decode(value)
        if (decoded === refused) throw refusal
        return decoded
      }

const ofNull = (decode: Decode, encoded: null | undefined): (() => unknown) => {
  return () => {
    const decoded = decode(encoded)
    if (decoded === refused) throw refusal
    return decoded
  }
}

/** A fallback, or a declaration of the user's, may make something of NULL. */
const refusesNothing = (ast: SchemaAST.AST): boolean => {
  if (isAnnotatedAway(ast)) return false
  switch (ast._tag) {
    case "StringKeyword":
    case "NumberKeyword":
    case "BooleanKeyword":
    case "BigIntKeyword":
    case "TemplateLiteral":
    case "Enums":
    case "TupleType":
      return true
    case "TypeLiteral":
      return ast.propertySignatures.length + ast.indexSignatures.length > 0
    case "Literal":
      return ast.literal !== null
    case "Declaration":
      return isKnownClass(ast)
    case "Refinement":
    case "Transformation":
      return refusesNothing(ast.from)
    case "Union":
      return ast.types.every(refusesNothing)
    default:
      return false
  }
}

const isNullLiteral = (ast: SchemaAST.AST): boolean =>
  (SchemaAST.isLiteral(ast) && ast.literal === null) || SchemaAST.isUndefinedKeyword(ast)

/** `NullOr`, `UndefinedOr` and the like: what stands for NULL is not transformed. */
const staysAsItIs = (ast: SchemaAST.AST): boolean =>
  SchemaAST.isUnion(ast) &&
  !isAnnotatedAway(ast) &&
  ast.types.every((type) => (isNullLiteral(type) && !isAnnotatedAway(type)) || refusesNothing(type))

/** The rule for the field out of the rule for its encoded side. */
const nullRule = (ast: SchemaAST.AST, rule: ColumnRead["ifNull"], decode: Decode): ColumnRead["ifNull"] => {
  switch (rule) {
    case "refuse":
    case "absent":
      return rule
    case "null":
      return decode === identity || staysAsItIs(ast) ? "null" : ofNull(decode, null)
    case "undefined":
      return decode === identity || staysAsItIs(ast) ? "undefined" : ofNull(decode, undefined)
    default:
      return () => {
        const decoded = decode(rule())
        if (decoded === refused) throw refusal
        return decoded
      }
  }
}

/** A field whose key and type are the same on both sides. */
export const compileColumn = (ast: SchemaAST.AST, codec: Codec, read: ColumnRead): CompiledColumn => {
  const decode = compile(ast)
  const ifNull = nullRule(ast, read.ifNull, decode)
  const optional = read.ifNull === "absent"
  const short = peel(ast, codec)
  if (short !== undefined) return { form: short.form, finish: certain(short.decode), ifNull, optional }
  const convert = read.finishLate ? undefined : read.finish
  const isTrivial = read.finish === undefined && takesAll(ast, read.form, codec)
  const finish = isTrivial ? undefined : andThen(convert, certain(decode))
  return { form: read.form, finish, ifNull, optional }
}

/** A field that is transformed as a member: a default, an Option, another key. */
export const compileMember = (
  column: CompiledColumn,
  { decode }: SchemaAST.PropertySignatureTransformation,
  to: SchemaAST.PropertySignature
): CompiledColumn => {
  const check = compile(to.type)
  const member = (present: Option.Option<unknown>): unknown => {
    const decoded = decode(present)
    if (Option.isNone(decoded)) {
      if (to.isOptional) return absent
      throw refusal
    }
    const value = check(decoded.value)
    if (value === refused) throw refusal
    return value
  }
  const { finish, ifNull } = column
  return {
    form: column.form,
    finish: (value) => member(Option.some(finish === undefined ? value : finish(value))),
    ifNull: memberOfNull(ifNull, member),
    optional: true
  }
}

const memberOfNull = (
  rule: CompiledColumn["ifNull"],
  member: (present: Option.Option<unknown>) => unknown
): CompiledColumn["ifNull"] => {
  switch (rule) {
    case "refuse":
      return rule
    case "absent":
      return () => member(Option.none())
    case "null":
      return () => member(Option.some(null))
    case "undefined":
      return () => member(Option.some(undefined))
    default:
      return () => member(Option.some(rule()))
  }
}
