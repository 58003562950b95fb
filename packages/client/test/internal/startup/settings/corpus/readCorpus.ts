// The corpus files, typed. Their `libpq` answers were written by makeCorpus.py; `differs` says why we decide otherwise.
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"

const Values = Schema.Record({ key: Schema.String, value: Schema.String })
const Differs = Schema.optional(Schema.String)

const ConnectionString = Schema.Struct({
  input: Schema.String,
  differs: Differs,
  libpq: Schema.Union(Schema.Struct({ values: Values }), Schema.Struct({ refused: Schema.Literal(true) }))
})
const Connection = Schema.Struct({
  input: Schema.String,
  environment: Schema.optionalWith(Values, { default: () => ({}) }),
  differs: Differs,
  libpq: Schema.Struct({ refused: Schema.Boolean })
})
const Passfile = Schema.Struct({
  input: Schema.String,
  file: Schema.String,
  mode: Schema.optionalWith(Schema.Number, { default: () => 0o600 }),
  differs: Differs,
  libpq: Schema.Struct({ password: Schema.String })
})
const Service = Schema.Struct({
  input: Schema.String,
  file: Schema.String,
  environment: Schema.optionalWith(Values, { default: () => ({}) }),
  libpq: Schema.Union(Schema.Struct({ values: Values }), Schema.Struct({ refused: Schema.Literal(true) }))
})

const read = <A, I>(name: string, entry: Schema.Schema<A, I>): ReadonlyArray<A> =>
  Schema.decodeSync(Schema.parseJson(Schema.Array(entry)))(
    readFileSync(new URL(`./${name}.json`, import.meta.url), "utf8")
  )

export const connectionStrings = () => read("connectionStrings", ConnectionString)
export const connections = () => read("connections", Connection)
export const passfiles = () => read("passfiles", Passfile)
export const services = () => read("services", Service)
