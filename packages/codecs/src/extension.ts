// Types of extensions that come with PostgreSQL, by name: an extension's OIDs differ in every database, and its schema is the owner's choice.
// Only base types are looked up here, which take a superuser to create: nobody else's enum or domain is mistaken for one of these.
import { type Codec } from "./Codec.ts"
import { hstore } from "./container/Hstore.ts"
import { versioned } from "./scalar/System.ts"
import { textual } from "./scalar/Text.ts"

/** By pg_type.typname. */
export const extensionCodecs: ReadonlyMap<string, Codec> = new Map(
  [hstore, textual("citext"), versioned("ltree"), versioned("lquery"), versioned("ltxtquery")].map((codec) => [
    codec.name,
    codec
  ])
)
