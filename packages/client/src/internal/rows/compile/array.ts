// ⚡ Arrays and tuples, without optional or trailing elements: those go through ParseResult.
import type * as SchemaAST from "effect/SchemaAST"
import { type Decode, identity, refused } from "./Decode.ts"
import { viaParseResult } from "./viaParseResult.ts"

type Compile = (ast: SchemaAST.AST) => Decode

export const compileArray = (ast: SchemaAST.TupleType, compile: Compile): Decode => {
  if (ast.rest.length > 1 || ast.elements.some((element) => element.isOptional)) return viaParseResult(ast)
  const elements = ast.elements.map((element) => compile(element.type))
  const fixed = elements.length
  const rest = ast.rest[0] === undefined ? undefined : compile(ast.rest[0].type)
  return (value) => {
    if (!Array.isArray(value)) return refused
    const { length } = value
    if (length < fixed || (rest === undefined && length > fixed)) return refused
    const decoded: Array<unknown> = []
    for (let i = 0; i < length; i++) {
      const element = i < fixed ? elements[i] : rest
      const item = element === undefined || element === identity ? value[i] : element(value[i])
      if (item === refused) return refused
      decoded.push(item)
    }
    return decoded
  }
}
