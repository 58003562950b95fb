// What a Schema says about a value it refuses, in our words: the path, what was expected, the *type* of what came. ParseResult's
// own text holds the value itself (`Expected number, actual "secret"`), also below Redacted, so it is never shown.
import * as Option from "effect/Option"
import type * as ParseResult from "effect/ParseResult"
import * as SchemaAST from "effect/SchemaAST"

export interface Explanation {
  readonly path: ReadonlyArray<PropertyKey>
  readonly text: string
}

const kindOf = (value: unknown): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "array"
  if (typeof value !== "object") return typeof value
  if (value instanceof Date && Number.isNaN(value.getTime())) return "invalid Date"
  return value.constructor?.name ?? "object"
}

const expectedName = (ast: SchemaAST.AST): string =>
  Option.getOrElse(
    Option.orElse(SchemaAST.getIdentifierAnnotation(ast), () => SchemaAST.getTitleAnnotation(ast)),
    () => String(ast)
  )

/** The first leaf, which is where reading stopped. */
export const explainIssue = (issue: ParseResult.ParseIssue): Explanation => {
  const path: Array<PropertyKey> = []
  let node = issue
  let expected: SchemaAST.AST | undefined = undefined
  for (;;) {
    switch (node._tag) {
      case "Pointer":
        if (Array.isArray(node.path)) path.push(...node.path)
        else path.push(node.path as PropertyKey)
        expected = undefined
        node = node.issue
        break
      case "Composite": {
        const first: ParseResult.ParseIssue | undefined = "_tag" in node.issues ? node.issues : node.issues[0]
        if (first === undefined) return { path, text: `expected ${expectedName(node.ast)}` }
        node = first
        break
      }
      case "Refinement":
        if (node.kind === "Predicate") expected = node.ast
        node = node.issue
        break
      case "Transformation":
        node = node.issue
        break
      case "Missing":
        return { path, text: "is missing" }
      case "Unexpected":
        return { path, text: "is not expected" }
      case "Forbidden":
        return { path, text: "its Schema needs an asynchronous transformation here" }
      case "Type":
        return {
          path,
          text: `expected ${expectedName(expected ?? node.ast)}, actual ${kindOf(node.actual)} (value not recorded)`
        }
    }
  }
}
