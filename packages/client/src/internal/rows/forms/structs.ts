// Objects on an encoded side, seen from one member of theirs: which Schemas may stand at a key.
import * as SchemaAST from "effect/SchemaAST"

/** What may stand at a key of any of these objects. */
export const typesAt = (structs: ReadonlyArray<SchemaAST.TypeLiteral>, key: string): ReadonlyArray<SchemaAST.AST> =>
  structs.flatMap((struct) => {
    const own = struct.propertySignatures.filter((property) => property.name === key).map((property) => property.type)
    return own.length > 0 ? own : struct.indexSignatures.map((signature) => signature.type)
  })

/** The key may be missing in one of them. */
export const isOptionalAt = (structs: ReadonlyArray<SchemaAST.TypeLiteral>, key: string): boolean =>
  structs.some((struct) => {
    const own = struct.propertySignatures.find((property) => property.name === key)
    return own === undefined || own.isOptional
  })

/** Keys that every one of them must have. */
export const requiredKeys = (structs: ReadonlyArray<SchemaAST.TypeLiteral>): ReadonlyArray<string> => {
  const keys = new Set(structs.flatMap((struct) => struct.propertySignatures.map((property) => String(property.name))))
  return [...keys].filter((key) => !isOptionalAt(structs, key))
}
