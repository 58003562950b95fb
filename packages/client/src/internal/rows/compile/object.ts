// ⚡ Objects: a struct, or a record of strings. Always a new object with the keys that the Schema names, as ParseResult makes it by default.
import * as SchemaAST from "effect/SchemaAST"
import { isObject, setOwn } from "../ownKey.ts"
import { type Decode, refused } from "./Decode.ts"
import { viaParseResult } from "./viaParseResult.ts"

type Compile = (ast: SchemaAST.AST) => Decode

const compileRecord = (type: Decode): Decode => {
  return (value) => {
    if (!isObject(value)) return refused
    const record: Record<string, unknown> = {}
    // as ParseResult: enumerable or not, own keys are keys
    for (const key of Object.getOwnPropertyNames(value)) {
      const item = type(value[key])
      if (item === refused) return refused
      setOwn(record, key, item)
    }
    return record
  }
}

const compileStruct = (ast: SchemaAST.TypeLiteral, compile: Compile): Decode => {
  const properties = ast.propertySignatures.map(({ isOptional, name, type }) => ({
    key: String(name),
    isOptional,
    decode: compile(type)
  }))
  return (value) => {
    if (!isObject(value)) return refused
    const struct: Record<string, unknown> = {}
    for (const { decode, isOptional, key } of properties) {
      const isPresent = Object.hasOwn(value, key)
      if (!isPresent && isOptional) continue
      // a missing key is undefined to its Schema, which may take that
      const item = decode(isPresent ? value[key] : undefined)
      if (item === refused) return refused
      setOwn(struct, key, item)
    }
    return struct
  }
}

export const compileObject = (ast: SchemaAST.TypeLiteral, compile: Compile): Decode => {
  const { indexSignatures, propertySignatures } = ast
  if (propertySignatures.some((property) => typeof property.name === "symbol")) return viaParseResult(ast)
  const [signature] = indexSignatures
  // `{}` takes everything but null and undefined
  if (signature === undefined)
    return propertySignatures.length === 0 ? viaParseResult(ast) : compileStruct(ast, compile)
  const isRecord =
    indexSignatures.length === 1 && propertySignatures.length === 0 && SchemaAST.isStringKeyword(signature.parameter)
  return isRecord ? compileRecord(compile(signature.type)) : viaParseResult(ast)
}
