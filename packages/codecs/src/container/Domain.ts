// Domains: their base type under another name. Columns arrive as the base type already; parameters, array elements and attributes carry the
// domain's own OID. Source: src/backend/utils/adt/domains.c, domain_recv: the base type's bytes, then the constraints, which the server checks.
import { type Codec, rename } from "../Codec.ts"

/** The codec of a domain over `base`. */
export const domainOf = (name: string, base: Codec): Codec => rename(base, name)
