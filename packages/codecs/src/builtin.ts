// The codecs of PostgreSQL's own single-value types, by their name in pg_type. OIDs and containers come from builtin.generated.ts, through
// TypeRegistry. A built-in type that is not here is text.
import type { Codec } from "./Codec.ts"
import { bit, varbit } from "./scalar/Bits.ts"
import { bool } from "./scalar/Boolean.ts"
import { bytea } from "./scalar/Bytea.ts"
import { date } from "./scalar/Date.ts"
import { float4, float8 } from "./scalar/Float.ts"
import { box, circle, line, lseg, path, point, polygon } from "./scalar/Geometry.ts"
import { cid, int2, int4, int8, oid, xid, xid8 } from "./scalar/Integer.ts"
import { interval } from "./scalar/Interval.ts"
import { json, jsonb } from "./scalar/Json.ts"
import { cidr, inet, macaddr, macaddr8 } from "./scalar/Network.ts"
import { numeric } from "./scalar/Numeric.ts"
import { tsquery, tsvector } from "./scalar/Search.ts"
import { money, pgLsn, registered, snapshot, tid, versioned } from "./scalar/System.ts"
import { char, textual } from "./scalar/Text.ts"
import { time, timetz } from "./scalar/Time.ts"
import { timestamp, timestamptz } from "./scalar/Timestamp.ts"
import { uuid } from "./scalar/Uuid.ts"

const codecs: ReadonlyArray<Codec> = [
  bool,
  int2,
  int4,
  int8,
  oid,
  xid,
  cid,
  xid8,
  float4,
  float8,
  numeric,
  money,
  // `unknown`, `cstring` and `void` are pseudo-types that results may have
  ...["text", "varchar", "bpchar", "name", "xml", "refcursor", "unknown", "cstring", "void"].map(textual),
  char,
  uuid,
  bytea,
  json,
  jsonb,
  versioned("jsonpath"),
  date,
  time,
  timetz,
  timestamp,
  timestamptz,
  interval,
  inet,
  cidr,
  macaddr,
  macaddr8,
  bit,
  varbit,
  point,
  line,
  lseg,
  box,
  path,
  polygon,
  circle,
  tsvector,
  tsquery,
  tid,
  pgLsn,
  snapshot("pg_snapshot"),
  snapshot("txid_snapshot"),
  ...[
    "regproc",
    "regprocedure",
    "regoper",
    "regoperator",
    "regclass",
    "regtype",
    "regrole",
    "regnamespace",
    "regconfig",
    "regdictionary",
    "regcollation"
  ].map(registered)
]

/** By pg_type.typname. */
export const builtinCodecs: ReadonlyMap<string, Codec> = new Map(codecs.map((codec) => [codec.name, codec]))
