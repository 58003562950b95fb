// The server type that a Schema declares for a parameter (PgSchema.type), and its OID. Built-in types only: those have the same OID in every
// database, and a statement is known by the OIDs it declares.
import { builtinTypes } from "@pgfx/codecs"
import * as SchemaAST from "effect/SchemaAST"

export const typeAnnotation = Symbol.for("pgfx/PgSchema/type")

/** The type declared on a node or on what it is made from; `undefined`: the server infers */
export const declaredType = (ast: SchemaAST.AST): string | undefined => {
  let node = ast
  for (;;) {
    const declared = node.annotations[typeAnnotation]
    if (typeof declared === "string") return declared
    if (SchemaAST.isRefinement(node) || SchemaAST.isTransformation(node)) node = node.from
    else if (SchemaAST.isUnion(node)) {
      const types = new Set(node.types.map(declaredType).filter((found) => found !== undefined))
      return types.size === 1 ? [...types][0] : undefined
    } else return undefined
  }
}

/** What SQL calls types that PostgreSQL's catalogue calls otherwise. Source: "Data Types", table 8.1. */
const sqlNames: ReadonlyMap<string, string> = new Map([
  ["smallint", "int2"],
  ["int", "int4"],
  ["integer", "int4"],
  ["bigint", "int8"],
  ["real", "float4"],
  ["double precision", "float8"],
  ["decimal", "numeric"],
  ["boolean", "bool"],
  ["char", "bpchar"],
  ["character", "bpchar"],
  ["character varying", "varchar"],
  ["bit varying", "varbit"],
  ["time without time zone", "time"],
  ["time with time zone", "timetz"],
  ["timestamp without time zone", "timestamp"],
  ["timestamp with time zone", "timestamptz"]
])

/** The OID of a built-in type, by any of its names */
export const builtinOid = (name: string): number | undefined => {
  const [, plain = "", array = ""] =
    /^(?:pg_catalog\.)?(.*?)(\[\])?$/.exec(name.trim().toLowerCase().replaceAll(/\s+/g, " ")) ?? []
  return builtinTypes.oidOf(`${sqlNames.get(plain) ?? plain}${array}`)
}
