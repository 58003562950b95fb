// SQL that every new session runs before anyone gets it: run-time parameters that a pooler did not take at start-up, then the user's
// initStatements. Pure: texts in, texts out. The pool runs the same list again after a reset (design of the engine, §11).

type Parameters = ReadonlyArray<readonly [name: string, value: string]>

/** What PgBouncer always takes (src/varcache.c, doc/config.md `track_extra_parameters`); `user` and `database` are no parameters. */
const understoodByPoolers: ReadonlySet<string> = new Set([
  "user",
  "database",
  "application_name",
  "client_encoding",
  "datestyle",
  "timezone"
])

const quoteLiteral = (text: string): string =>
  // standard_conforming_strings may be off; E'' means the same under both
  text.includes("\\") ? `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`

/** As `pg_split_opts` (utils/init/postinit.c): blanks part words, a backslash takes the next character as it is. */
const words = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const word = /(?:\\[^]|[^\s\\])+/g
  for (const [match] of text.matchAll(word)) found.push(match.replaceAll(/\\([^])/g, "$1"))
  return found
}

/** `-c name=value`, `-cname=value`, `--name=value`; `undefined` if there is anything else in it. Source: `process_postgres_switches`. */
export const settingsOfOptions = (options: string): Parameters | undefined => {
  const settings: Array<readonly [string, string]> = []
  const queue = [...words(options)]
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const text = word === "-c" ? queue.shift() : (/^(?:-c|--)(.+)$/s.exec(word)?.[1] ?? undefined)
    const setting = text === undefined ? null : /^([^=]+)=(.*)$/s.exec(text)
    if (setting === null) return undefined
    // a dash in a name stands for an underscore (`ParseLongOption`)
    settings.push([(setting[1] ?? "").replaceAll("-", "_"), setting[2] ?? ""])
  }
  return settings
}

export interface SplitParameters {
  readonly startup: Parameters
  /** one statement, or none */
  readonly statements: ReadonlyArray<string>
}

/** Moves what a pooler may refuse out of StartupMessage; `undefined` if `options` cannot be moved. */
export const withoutRefusable = (parameters: Parameters): SplitParameters | undefined => {
  const startup: Array<readonly [string, string]> = []
  const moved: Array<readonly [string, string]> = []
  for (const [name, value] of parameters) {
    if (understoodByPoolers.has(name.toLowerCase())) startup.push([name, value])
    else if (name === "options") {
      const settings = settingsOfOptions(value)
      if (settings === undefined) return undefined
      // before what was written by name, which wins
      moved.unshift(...settings)
    } else moved.push([name, value])
  }
  const calls = moved.map(
    ([name, value]) => `pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, false)`
  )
  return { startup, statements: calls.length === 0 ? [] : [`SELECT ${calls.join(", ")}`] }
}
