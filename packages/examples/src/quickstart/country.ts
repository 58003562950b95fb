// The example's domain: a row as a class, statements as functions, a constraint as an error of our own.
import * as Schema from "effect/Schema"
import { param, PostgresError, Query } from "pgfx"

export class Country extends Schema.Class<Country>("Country")({
  code: Schema.String,
  name: Schema.String,
  population: Schema.Number,
  joinedAt: Schema.DateFromSelf
}) {}

export class CountryExists extends Schema.TaggedError<CountryExists>()("CountryExists", { code: Schema.String }) {}

/** A script: several statements, no parameters. */
export const createTable = Query.script(`
  DROP TABLE IF EXISTS pgfx_country;
  CREATE TABLE pgfx_country (
    code       text PRIMARY KEY,
    name       text NOT NULL,
    population int4 NOT NULL,
    joined_at  timestamptz NOT NULL DEFAULT now()
  );
`)

export const dropTable = Query.command`DROP TABLE pgfx_country`

const insert = Query.one(Country)`
  INSERT INTO pgfx_country (code, name, population)
  VALUES (${param("code", Schema.String)}, ${param("name", Schema.String)}, ${param("population", Schema.Int)})
  RETURNING code, name, population, joined_at AS "joinedAt"
`

/** A duplicate code is this program's own error, not the database's. */
export const addCountry = (country: { readonly code: string; readonly name: string; readonly population: number }) =>
  insert(country).pipe(
    PostgresError.catchConstraints({ pgfx_country_pkey: () => new CountryExists({ code: country.code }) })
  )

export const countriesAbove = Query.all(Country)`
  SELECT   code, name, population, joined_at AS "joinedAt"
  FROM     pgfx_country
  WHERE    population > ${param("population", Schema.Int)}
  ORDER BY population DESC
`

export const everyNumber = Query.stream(Schema.Number, { fetchSize: 1000 })`
  SELECT n FROM generate_series(1, ${param("last", Schema.Int)}) AS n
`

export const countCountries = Query.one(Schema.BigIntFromSelf)`SELECT count(*) FROM pgfx_country`

export const withTypingError = Query.all(Country, { name: "withTypingError" })`
  SELECT code, name, population, joined_at AS "joinedAt"
  FROM   pgfx_country
  WHERE  popsulation > ${param("population", Schema.Int)}
`
