// Schemas of `effect` that are recognized by identity: their transformation objects, which survive `annotations` and `brand`. A second copy of
// `effect` has others: its Schemas are then ordinary transformations, with the same results.
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/** The transformation of an exported Schema, below its refinements. */
export const transformationOf = (schema: Schema.Schema.AnyNoContext): SchemaAST.TransformationKind | undefined => {
  let node = schema.ast
  while (SchemaAST.isRefinement(node)) node = node.from
  return SchemaAST.isTransformation(node) ? node.transformation : undefined
}

const setOf = (...schemas: ReadonlyArray<Schema.Schema.AnyNoContext>): ReadonlySet<unknown> =>
  new Set(schemas.map(transformationOf))

/** A string that is a point in time: the text has to say that it is UTC (`Schema.Date` would take the machine's zone). */
export const textIsInstant = setOf(Schema.DateFromString, Schema.DateTimeUtc, Schema.DateTimeZoned)

/** A number that is a point in time: milliseconds since 1970. */
export const numberIsInstant = setOf(Schema.DateFromNumber, Schema.DateTimeUtcFromNumber)
