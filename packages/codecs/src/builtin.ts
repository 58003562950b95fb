// Built-in types by OID. Provisional hand list until builtin.generated.ts (from pg_type.dat) lands.
import type { Codec } from "./Codec.ts"
import { rename } from "./Codec.ts"
import { bool } from "./scalar/Boolean.ts"
import { float4, float8 } from "./scalar/Float.ts"
import { cid, int2, int4, int8, oid, xid, xid8 } from "./scalar/Integer.ts"
import { json, jsonb } from "./scalar/Json.ts"
import { numeric } from "./scalar/Numeric.ts"
import { char, text, textual } from "./scalar/Text.ts"
import { timestamp, timestamptz } from "./scalar/Timestamp.ts"
import { uuid } from "./scalar/Uuid.ts"

export const builtin: ReadonlyMap<number, Codec> = new Map<number, Codec>([
  [16, bool],
  [18, char],
  [19, textual("name")],
  [20, int8],
  [21, int2],
  [23, int4],
  [25, text],
  [26, oid],
  [28, xid],
  [29, cid],
  [114, json],
  [700, float4],
  [701, float8],
  [705, textual("unknown")],
  [1042, textual("bpchar")],
  [1043, textual("varchar")],
  [1114, timestamp],
  [1184, timestamptz],
  [1700, numeric],
  [2950, uuid],
  [3802, jsonb],
  [5069, xid8],
  [2275, rename(text, "cstring")]
])
