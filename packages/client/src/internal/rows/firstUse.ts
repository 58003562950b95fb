// Rows of a statement that nobody has seen before come as text, and two kinds of column say less in text than in binary: an anonymous record has
// no types of its fields there, and a reg* type no number. Where a Schema could meet one, the statement is described first: one round trip, once per
// statement and pool. It decides by the Schema and the text of the statement, without a server, and errs on the side of the round trip.
import * as SchemaAST from "effect/SchemaAST"
import { arraysOf } from "./forms/containers.ts"
import { isAnything, markOf, membersOf } from "./forms/encoded.ts"
import { kindOf } from "./forms/kind.ts"
import { wrapperOf } from "./forms/wrappers.ts"

/** A record comes from `ROW (…)`, `(…, …)`, a function, a subquery or VALUES: none is written without a parenthesis. */
const mayReturnRecords = (sql: string): boolean => sql.includes("(")

/** A cast, the name of a function, a table of the catalogue. A reg* column of the user's own under another name is not seen. */
const objectIds = /reg(?:class|collation|config|dictionary|namespace|oper|proc|role|type)|pg_/i

/** What a row Schema takes from columns. */
const columnsOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> =>
  membersOf([ast]).flatMap(({ node }) => {
    if (SchemaAST.isTypeLiteral(node))
      return [...node.propertySignatures, ...node.indexSignatures].map(({ type }) => type)
    return SchemaAST.isTupleType(node) ? [...node.elements, ...node.rest].map(({ type }) => type) : [node]
  })

interface Takes {
  readonly records: boolean
  readonly numbers: boolean
}

/** PostgreSQL's limit of dimensions, MAXDIM in src/include/utils/array.h; also what stops at a Schema of arrays of itself. */
const deepest = 6

const takesOf = (ast: SchemaAST.AST, depth = 0): ReadonlyArray<Takes> =>
  membersOf([ast]).flatMap((member) => {
    if (depth > deepest) return []
    const wrapper = wrapperOf(member.node)
    if (wrapper !== undefined) return takesOf(wrapper.inner, depth + 1)
    const arrays = arraysOf([member])
    const isOpaque = SchemaAST.isDeclaration(member.node) && markOf(member.node) === undefined
    const kind = kindOf(member)
    const one = {
      records: arrays.length > 0 || isAnything(member) || isOpaque,
      numbers: kind === "number" || kind === "bit"
    }
    return [one, ...arrays.flatMap(({ elements }) => elements.flatMap((element) => takesOf(element, depth + 1)))]
  })

/** Rows of the first use might not be read as later ones are, unless the statement is described before. */
export const firstUseDiffers = (ast: SchemaAST.AST, sql: string): boolean => {
  const [records, numbers] = [mayReturnRecords(sql), objectIds.test(sql)]
  if (!records && !numbers) return false
  const takes = columnsOf(ast).flatMap((column) => takesOf(column))
  return takes.some((one) => (records && one.records) || (numbers && one.numbers))
}
