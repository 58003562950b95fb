// Which codec a type OID has. Built-in types by OID; types of the user by description (TypeCatalog) or by a codec registered under the type's
// *name*, because extensions get new OIDs in every database. A registry never changes: adding answers a new one. No I/O.
import type { Codec } from "./Codec.ts"
import { builtin } from "./builtin.ts"
import { textOnly } from "./scalar/Text.ts"

export interface TypeRegistry {
  /** Always answers: a type that is not known is text, in text format. */
  readonly codecOf: (oid: number) => Codec
  /** The codec is the type's own, not the one for unknown types. */
  readonly knows: (oid: number) => boolean
}

const unknownType: Codec = textOnly("unknown type")

/** The types every server has. */
export const builtinTypes: TypeRegistry = {
  codecOf: (oid) => builtin.get(oid) ?? unknownType,
  knows: (oid) => builtin.has(oid)
}
