// Which codec a type OID has. Built-in types by OID; types of the user by their description (TypeCatalog) or by a codec registered under the
// type's *name*, because OIDs differ between databases. A registry never changes: learning answers a new one. No I/O, and no error either: a
// type that is not known is text.
import { type BuiltinType, builtinTypes as generated } from "./builtin.generated.ts"
import { builtinCodecs } from "./builtin.ts"
import { type Codec, rename } from "./Codec.ts"
import { anyArrayOf, arrayOf } from "./container/Array.ts"
import { compositeOf, recordOf } from "./container/Composite.ts"
import { domainOf } from "./container/Domain.ts"
import { enumOf } from "./container/Enum.ts"
import { multirangeOf } from "./container/Multirange.ts"
import { rangeOf } from "./container/Range.ts"
import { extensionCodecs } from "./extension.ts"
import { textOnly } from "./scalar/Text.ts"

/** What the catalogue says about a type. OIDs are those of one database. */
export type TypeDescription = {
  readonly oid: number
  /** pg_type.typname: arrays begin with an underscore */
  readonly name: string
  readonly schema: string
} & TypeKind

export type TypeKind =
  | { readonly kind: "base" | "pseudo" }
  | { readonly kind: "enum"; readonly labels: ReadonlyArray<string> }
  | { readonly kind: "domain"; readonly baseType: number }
  | { readonly kind: "array"; readonly element: number; readonly delimiter: string }
  | { readonly kind: "range" | "multirange"; readonly subtype: number }
  | {
      readonly kind: "composite"
      readonly attributes: ReadonlyArray<{ readonly name: string; readonly oid: number }>
    }

export interface TypeRegistry {
  /** Always answers: a type that is not known is text, in text format. */
  readonly codecOf: (oid: number) => Codec
  /** The OID of a type by name: `int4`, `int4[]`, `mood`, `public.mood`. `undefined` if it is not known here. */
  readonly oidOf: (name: string) => number | undefined
  /** Of these OIDs those to ask the catalogue for: neither built in, nor described, nor asked for before. */
  readonly missing: (oids: Iterable<number>) => ReadonlyArray<number>
  /**
   * The registry with what the catalogue answered. `asked` are the OIDs that were asked for: those without a description stay text and are
   * not asked for again. A description replaces an older one of its OID.
   */
  readonly learn: (descriptions: Iterable<TypeDescription>, asked?: Iterable<number>) => TypeRegistry
  /** The registry without any descriptions, for when the server says that a type has changed. */
  readonly forget: () => TypeRegistry
}

/** Types refer to types; descriptions come from a server, which need not be a friendly one. */
const deepest = 64

const unknownType: Codec = textOnly("unknown type")

const builtinByOid: ReadonlyMap<number, BuiltinType> = new Map(generated.map((type) => [type.oid, type]))
const builtinByName: ReadonlyMap<string, number> = new Map(generated.map((type) => [type.name, type.oid]))

/** A built-in type as the catalogue would describe it; `undefined` for row types, whose attributes differ between versions. */
const describeBuiltin = ({
  oid,
  name,
  kind,
  delimiter,
  elementOid,
  subtypeOid
}: BuiltinType): TypeDescription | undefined => {
  const type = { oid, name, schema: "pg_catalog" }
  switch (kind) {
    case "base":
    case "pseudo":
      return { ...type, kind }
    case "array":
      return { ...type, kind, element: elementOid, delimiter }
    case "range":
    case "multirange":
      return { ...type, kind, subtype: subtypeOid }
    case "composite":
      return undefined
  }
}

class Registry implements TypeRegistry {
  private readonly registered: ReadonlyMap<string, Codec>
  private readonly descriptions: ReadonlyMap<number, TypeDescription>
  private readonly asked: ReadonlySet<number>
  private readonly resolved = new Map<number, Codec>()
  private readonly names = new Map<string, number>()
  private depth = 0

  constructor(
    registered: ReadonlyMap<string, Codec>,
    descriptions: ReadonlyMap<number, TypeDescription>,
    asked: ReadonlySet<number>
  ) {
    this.registered = registered
    this.descriptions = descriptions
    this.asked = asked
    for (const { oid, name, schema } of descriptions.values()) {
      this.names.set(`${schema}.${name}`, oid)
      if (!this.names.has(name)) this.names.set(name, oid)
    }
  }

  readonly codecOf = (oid: number): Codec => {
    const known = this.resolved.get(oid)
    if (known !== undefined) return known
    // a type that contains itself, or pretends to: text, where the circle closes
    this.resolved.set(oid, unknownType)
    this.depth++
    try {
      const codec = this.depth > deepest ? unknownType : this.resolve(oid)
      this.resolved.set(oid, codec)
      return codec
    } finally {
      this.depth--
    }
  }

  readonly oidOf = (name: string): number | undefined => {
    if (name.endsWith("[]")) {
      const element = this.oidOf(name.slice(0, -2))
      return element === undefined ? undefined : this.arrayOidOf(element)
    }
    return builtinByName.get(name) ?? this.names.get(name)
  }

  private arrayOidOf(element: number): number | undefined {
    const builtin = builtinByOid.get(element)?.arrayOid
    if (builtin !== undefined && builtin !== 0) return builtin
    for (const type of this.descriptions.values())
      if (type.kind === "array" && type.element === element) return type.oid
    return undefined
  }

  readonly missing = (oids: Iterable<number>): ReadonlyArray<number> => {
    const missing = new Set<number>()
    for (const oid of oids) {
      if (oid !== 0 && !this.asked.has(oid) && !this.isKnown(oid)) missing.add(oid)
    }
    return [...missing]
  }

  private isKnown(oid: number): boolean {
    if (this.descriptions.has(oid)) return true
    const builtin = builtinByOid.get(oid)
    if (builtin === undefined || builtin.kind === "composite") return false
    return builtin.kind !== "array" || builtinByOid.get(builtin.elementOid)?.kind !== "composite"
  }

  readonly learn = (descriptions: Iterable<TypeDescription>, asked: Iterable<number> = []): TypeRegistry => {
    const types = new Map(this.descriptions)
    for (const type of descriptions) types.set(type.oid, type)
    return new Registry(this.registered, types, new Set([...this.asked, ...asked]))
  }

  readonly forget = (): TypeRegistry => new Registry(this.registered, new Map(), new Set())

  private resolve(oid: number): Codec {
    const builtin = builtinByOid.get(oid)
    const type = this.descriptions.get(oid) ?? (builtin === undefined ? undefined : describeBuiltin(builtin))
    if (type === undefined) return unknownType
    const own = this.registered.get(`${type.schema}.${type.name}`) ?? this.registered.get(type.name)
    if (own !== undefined) return own
    return type.schema === "pg_catalog" ? this.builtin(type) : this.described(type, `${type.schema}.${type.name}`)
  }

  private builtin(type: TypeDescription): Codec {
    switch (type.name) {
      case "int2vector":
        return arrayOf({ name: type.name, element: this.codecOf(21), elementOid: 21, vector: true })
      case "oidvector":
        return arrayOf({ name: type.name, element: this.codecOf(26), elementOid: 26, vector: true })
      case "record":
        return recordOf(this.codecOf)
      case "anyarray":
        return anyArrayOf(this.codecOf, unknownType)
      default:
        return builtinCodecs.get(type.name) ?? this.described(type, type.name)
    }
  }

  private described(type: TypeDescription, name: string): Codec {
    switch (type.kind) {
      case "base": {
        const extension = extensionCodecs.get(type.name)
        return extension === undefined ? textOnly(name) : rename(extension, name)
      }
      case "pseudo":
        return textOnly(name)
      case "enum":
        return enumOf(name, type.labels)
      case "domain":
        return domainOf(name, this.codecOf(type.baseType))
      case "array": {
        const { element, delimiter } = type
        return arrayOf({ name, element: this.codecOf(element), elementOid: element, delimiter })
      }
      case "range":
        return rangeOf(name, this.codecOf(type.subtype))
      case "multirange":
        return multirangeOf(name, this.codecOf(type.subtype))
      case "composite": {
        const attributes = type.attributes.map((attribute) => ({ ...attribute, codec: this.codecOf(attribute.oid) }))
        return compositeOf({ name, attributes })
      }
    }
  }
}

/** The types every server has, and nothing else. */
export const builtinTypes: TypeRegistry = new Registry(new Map(), new Map(), new Set())

/**
 * The built-in types and the user's own codecs, which are found by their `name`: `"citext"` in any schema, `"geo.point3d"` in one. A name of a
 * built-in type replaces its codec.
 */
export const makeTypeRegistry = (codecs: ReadonlyArray<Codec>): TypeRegistry =>
  new Registry(new Map(codecs.map((codec) => [codec.name, codec])), new Map(), new Set())
