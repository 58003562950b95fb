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
  // of the prototype: an object of data may have a `constructor` of its own
  const prototype: unknown = Object.getPrototypeOf(value)
  return typeof prototype === "object" && prototype !== null ? prototype.constructor.name : "object"
}

const expectedName = (ast: SchemaAST.AST): string =>
  Option.getOrElse(
    Option.orElse(SchemaAST.getIdentifierAnnotation(ast), () => SchemaAST.getTitleAnnotation(ast)),
    () => String(ast)
  )

interface Place {
  readonly path: ReadonlyArray<PropertyKey>
  /** the outermost filter that said no: "expected Int" says more than "expected number" */
  readonly expected: SchemaAST.AST | undefined
  /** the object that the next key is of, if its keys may be data */
  readonly within?: SchemaAST.TypeLiteral | undefined
}

/** Keys that a Schema names are the program's words, those of a record are data. */
const shownKey = (key: PropertyKey, within: SchemaAST.TypeLiteral | undefined): PropertyKey =>
  within === undefined || within.propertySignatures.some((property) => property.name === key) ? key : "(key)"

const pathOf = (pointer: ParseResult.Pointer): ReadonlyArray<PropertyKey> =>
  // a Pointer's path is one key or a list of them
  Array.isArray(pointer.path) ? pointer.path : [pointer.path as PropertyKey]

const issuesOf = ({ issues }: ParseResult.Composite): ReadonlyArray<ParseResult.ParseIssue> =>
  "_tag" in issues ? [issues] : issues

const expectedText = (ast: SchemaAST.AST, actual: unknown): string =>
  `expected ${expectedName(ast)}, actual ${kindOf(actual)} (value not recorded)`

/** Members of a union that all say "another type" have one thing to say. */
const isPlainUnion = (issue: ParseResult.Composite): boolean =>
  SchemaAST.isUnion(issue.ast) && issuesOf(issue).every((member) => member._tag === "Type")

const isNullMember = (issue: ParseResult.ParseIssue): boolean =>
  issue._tag === "Type" &&
  (SchemaAST.isUndefinedKeyword(issue.ast) || (SchemaAST.isLiteral(issue.ast) && issue.ast.literal === null))

/** What is worth saying of a composite: of a union the first member that is more than "or null", of anything else all of it. */
const telling = (issue: ParseResult.Composite): ReadonlyArray<ParseResult.ParseIssue> => {
  const issues = issuesOf(issue)
  if (!SchemaAST.isUnion(issue.ast)) return issues
  const found = issues.find((member) => !isNullMember(member)) ?? issues[0]
  return found === undefined ? [] : [found]
}

const collector = (columns: boolean, into: Array<Explanation>) => {
  const collect = (issue: ParseResult.ParseIssue, { expected, path, within }: Place): void => {
    switch (issue._tag) {
      case "Pointer": {
        const keys = pathOf(issue).map((key) => shownKey(key, within))
        return collect(issue.issue, { path: [...path, ...keys], expected: undefined })
      }
      case "Composite": {
        if (isPlainUnion(issue))
          return void into.push({ path, text: expectedText(expected ?? issue.ast, issue.actual) })
        const object = SchemaAST.isTypeLiteral(issue.ast) && !(columns && path.length === 0) ? issue.ast : undefined
        for (const part of telling(issue)) collect(part, { path, expected, within: object })
        return
      }
      case "Refinement":
        return collect(issue.issue, { path, expected: issue.kind === "Predicate" ? (expected ?? issue.ast) : expected })
      case "Transformation":
        return collect(issue.issue, { path, expected })
      case "Missing":
        return void into.push({ path, text: "is missing" })
      case "Unexpected":
        return void into.push({ path, text: "is not expected" })
      case "Forbidden":
        return void into.push({ path, text: "its Schema needs an asynchronous transformation here" })
      case "Type":
        return void into.push({ path, text: expectedText(expected ?? issue.ast, issue.actual) })
    }
  }
  return collect
}

/**
 * Every leaf: one, unless the Schema asks for all errors. At least one. `columns`: the outermost keys are names of columns, which a record has
 * as well, and which are no data.
 */
export const explainIssues = (
  issue: ParseResult.ParseIssue,
  columns: boolean
): readonly [Explanation, ...ReadonlyArray<Explanation>] => {
  const found: Array<Explanation> = []
  collector(columns, found)(issue, { path: [], expected: undefined })
  const [first = { path: [], text: "the Schema refused it" }, ...others] = found
  return [first, ...others]
}

/** The first leaf, which is where reading stopped. */
export const explainIssue = (issue: ParseResult.ParseIssue): Explanation => explainIssues(issue, false)[0]
