// The labels of an enum against the literals of a Schema: a literal that the type lacks can never match, a label that the Schema lacks will be
// refused when it comes.
import * as SchemaAST from "effect/SchemaAST"
import type { Member } from "./encoded.ts"
import { fit, type Fit, misfit, type Misfit } from "./Fit.ts"

/** The strings that the members allow, `undefined` if they are not listed. */
const listedBy = (members: ReadonlyArray<Member>): ReadonlyArray<string> | undefined => {
  const listed: Array<string> = []
  for (const { node } of members) {
    if (SchemaAST.isLiteral(node) && typeof node.literal === "string") listed.push(node.literal)
    else if (SchemaAST.isEnums(node)) listed.push(...node.enums.map(([, value]) => String(value)))
    else return undefined
  }
  return listed
}

const quoted = (labels: ReadonlyArray<string>): string =>
  labels
    .slice(0, 8)
    .map((label) => JSON.stringify(label))
    .join(", ") + (labels.length > 8 ? ", …" : "")

export const enumFindings = (
  fits: Fit,
  members: ReadonlyArray<Member>,
  name: string,
  labels: ReadonlyArray<string>
): Fit | Misfit => {
  const listed = listedBy(members)
  if (listed === undefined) return fits
  const foreign = listed.filter((literal) => !labels.includes(literal))
  if (foreign.length > 0) return misfit(`${name} has no label ${quoted(foreign)}`, `it has ${quoted(labels)}`)
  const lacking = labels.filter((label) => !listed.includes(label))
  if (lacking.length === 0) return fits
  return fit(fits.form, fits.convert, [...fits.warnings, `the Schema lacks ${quoted(lacking)} of ${name}`])
}
