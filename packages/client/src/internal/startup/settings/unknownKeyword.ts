// What to say about a keyword that libpq does not have: the nearest ones, what other clients' words are called here, and all
// that are supported. Security depends on it being an error: a misspelt `sslmode` must not mean "no TLS" (CVE-2017-7485).
import { keywords } from "./keywords.ts"
import { nearMatches } from "./nearMatch.ts"

const asParameter = (name: string) =>
  `${name} is a run-time parameter: write it in \`parameters\`, or here as options=-c%20${name}=…`
const ofPool = "the pool is set in `pool`, not in a connection string"
const call = (name: string) => `it is called ${name}`

/** Words of other clients and of other places. */
const elsewhere: Readonly<Record<string, string>> = {
  database: call("dbname"),
  db: call("dbname"),
  username: call("user"),
  pwd: call("password"),
  pass: call("password"),
  server: call("host"),
  hostname: call("host"),
  ssl: "only ssl=true is known, as another spelling of sslmode=require; write sslmode",
  sslaccept: call("sslmode"),
  encrypt: call("sslmode"),
  timeout: call("connect_timeout"),
  connecttimeout: call("connect_timeout"),
  keepalive: call("keepalives"),
  schema: asParameter("search_path"),
  currentschema: asParameter("search_path"),
  search_path: asParameter("search_path"),
  statement_timeout: asParameter("statement_timeout"),
  lock_timeout: asParameter("lock_timeout"),
  timezone: asParameter("timezone"),
  datestyle: asParameter("datestyle"),
  pool_size: ofPool,
  poolsize: ofPool,
  pool_timeout: ofPool,
  connection_limit: ofPool,
  max: ofPool,
  min: ofPool,
  pgbouncer: "poolers are noticed, not announced: leave it out",
  uselibpqcompat: "libpq's meanings are the only ones here: leave it out"
}

/** Continues a sentence that says where the keyword stands. `written` is looked at, not repeated. */
export const unknownKeyword = (written: string): string => {
  const lower = written.toLowerCase()
  const hint = Object.hasOwn(elsewhere, lower) ? elsewhere[lower] : undefined
  const names = keywords.filter(({ support }) => support._tag === "supported").map(({ name }) => name)
  const near = nearMatches(written, names)
  const meant = hint ?? (near.length > 0 ? `did you mean ${near.join(" or ")}?` : undefined)
  return `is not a keyword of libpq${meant === undefined ? "" : `: ${meant}`}; valid are ${names.join(", ")}`
}
