// What to ask a server about its types, and how to read the answer. Pure: whoever has a connection sends the query and hands back the rows.
// The queries name every schema, of operators too: they run under search paths and in databases that somebody else controls.
import { parseArrayLiteral } from "./container/arrayLiteral.ts"
import type { TypeDescription, TypeKind } from "./TypeRegistry.ts"
import { ValueError } from "./ValueError.ts"

/**
 * Describes types and everything they are made of: `$1` is a list of OIDs (`oidList`). All columns are text, so the answer reads the same in
 * both formats. OIDs that the catalogue does not have are absent from the answer. For PostgreSQL 14 and later.
 */
export const describeTypes = `
WITH RECURSIVE wanted(oid) AS (
  SELECT w.oid FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS w(oid)
  UNION
  SELECT part.oid
  FROM wanted
  CROSS JOIN LATERAL (
    SELECT e.oid
    FROM pg_catalog.pg_type AS e
    WHERE e.typarray OPERATOR(pg_catalog.=) wanted.oid
    UNION ALL
    SELECT t.typbasetype
    FROM pg_catalog.pg_type AS t
    WHERE t.oid OPERATOR(pg_catalog.=) wanted.oid AND t.typtype OPERATOR(pg_catalog.=) 'd'
    UNION ALL
    SELECT r.rngsubtype
    FROM pg_catalog.pg_range AS r
    WHERE r.rngtypid OPERATOR(pg_catalog.=) wanted.oid OR r.rngmultitypid OPERATOR(pg_catalog.=) wanted.oid
    UNION ALL
    SELECT a.atttypid
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) t.typrelid
    WHERE t.oid OPERATOR(pg_catalog.=) wanted.oid AND t.typtype OPERATOR(pg_catalog.=) 'c'
      AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
  ) AS part(oid)
)
SELECT
  t.oid::pg_catalog.text,
  t.typname::pg_catalog.text,
  n.nspname::pg_catalog.text,
  CASE WHEN e.oid IS NULL THEN t.typtype::pg_catalog.text ELSE 'a' END,
  e.oid::pg_catalog.text,
  e.typdelim::pg_catalog.text,
  t.typbasetype::pg_catalog.text,
  r.rngsubtype::pg_catalog.text,
  ARRAY(
    SELECT l.enumlabel::pg_catalog.text
    FROM pg_catalog.pg_enum AS l
    WHERE l.enumtypid OPERATOR(pg_catalog.=) t.oid
    ORDER BY l.enumsortorder
  )::pg_catalog.text,
  ARRAY(
    SELECT a.attname::pg_catalog.text
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid OPERATOR(pg_catalog.=) t.typrelid AND t.typtype OPERATOR(pg_catalog.=) 'c'
      AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    ORDER BY a.attnum
  )::pg_catalog.text,
  ARRAY(
    SELECT a.atttypid::pg_catalog.text
    FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid OPERATOR(pg_catalog.=) t.typrelid AND t.typtype OPERATOR(pg_catalog.=) 'c'
      AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
    ORDER BY a.attnum
  )::pg_catalog.text
FROM wanted AS w
JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) w.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
LEFT JOIN pg_catalog.pg_type AS e ON e.typarray OPERATOR(pg_catalog.=) t.oid
LEFT JOIN pg_catalog.pg_range AS r
  ON r.rngtypid OPERATOR(pg_catalog.=) t.oid OR r.rngmultitypid OPERATOR(pg_catalog.=) t.oid
`.trim()

/** The value of `$1` of `describeTypes`. */
export const oidList = (oids: ReadonlyArray<number>): string => `{${oids.join(",")}}`

/** The OIDs of types by name, as the session's search path resolves them: `$1` is an array of names, as text (`text[]`). */
export const resolveTypeNames = `
SELECT w.name, pg_catalog.to_regtype(w.name)::pg_catalog.oid::pg_catalog.text
FROM pg_catalog.unnest($1::pg_catalog.text[]) AS w(name)
`.trim()

const bad = (issue: string): ValueError => new ValueError({ type: "pg_type", issue })

const oidOf = (text: string | null | undefined): number => {
  if (typeof text !== "string" || !/^\d{1,10}$/.test(text)) throw bad("an OID was expected")
  return Number(text)
}

const listOf = (text: string | null | undefined): ReadonlyArray<string> =>
  parseArrayLiteral("text[]", text ?? "", ",").elements.map((element) => {
    if (element === null) throw bad("a NULL inside a list")
    return element
  })

/**
 * The rows of `describeTypes`, every column as text, as descriptions. Throws ValueError if they are not such rows; kinds of a later server
 * are described as base types, which are text.
 */
export const decodeTypes = (rows: Iterable<ReadonlyArray<string | null>>): ReadonlyArray<TypeDescription> => {
  const types: Array<TypeDescription> = []
  for (const row of rows) {
    const [oid, name, schema] = row
    if (typeof name !== "string" || typeof schema !== "string") throw bad("a name was expected")
    types.push({ oid: oidOf(oid), name, schema, ...kindOf(row) })
  }
  return types
}

const kindOf = (row: ReadonlyArray<string | null>): TypeKind => {
  const [, , , kind, element, delimiter, baseType, subtype, labels, names, oids] = row
  switch (kind) {
    case "a":
      return { kind: "array", element: oidOf(element), delimiter: delimiter ?? "," }
    case "d":
      return { kind: "domain", baseType: oidOf(baseType) }
    case "e":
      return { kind: "enum", labels: listOf(labels) }
    case "r":
      return { kind: "range", subtype: oidOf(subtype) }
    case "m":
      return { kind: "multirange", subtype: oidOf(subtype) }
    case "p":
      return { kind: "pseudo" }
    case "c": {
      const types = listOf(oids)
      const attributes = listOf(names).map((name, i) => ({ name, oid: oidOf(types[i]) }))
      if (attributes.length !== types.length) throw bad("as many attribute types as names were expected")
      return { kind: "composite", attributes }
    }
    default:
      return { kind: "base" }
  }
}
