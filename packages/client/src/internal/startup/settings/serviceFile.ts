// The connection service file: sections of `keyword=value`, of which one is asked for. Read once, when settings are resolved.
// Source: `parseServiceInfo` and `parseServiceFile` in fe-connect.c of PostgreSQL 18; manual, "The Connection Service File".
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { KeywordValues } from "./connectionUri.ts"
import type { Environment } from "./environment.ts"
import { findKeyword } from "./keywords.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"
import { type MaybeFileSystem, readSettingsFile } from "./settingsFile.ts"
import { unknownKeyword } from "./unknownKeyword.ts"

const wrong = (line: number, issue: string): Either.Either<never, SettingsIssue> =>
  Either.left(settingsIssue("service", `line ${line} of the service file ${issue}`))

const readPair = (text: string, line: number): Either.Either<readonly [name: string, value: string], SettingsIssue> => {
  if (text.startsWith("ldap")) return wrong(line, "asks an LDAP server, which is not implemented")
  const separator = text.indexOf("=")
  if (separator < 0) return wrong(line, 'has no "=" between keyword and value')
  const name = text.slice(0, separator)
  if (name === "service" || name === "servicefile") return wrong(line, "names another service, which is not followed")
  // No `requiressl` here: libpq compares with its table and nothing else.
  return findKeyword(name) === undefined
    ? wrong(line, `has a keyword that ${unknownKeyword(name)}`)
    : Either.right([name, text.slice(separator + 1)])
}

/** The values of the first section of that name, `undefined` if there is none. Of a keyword given twice the first counts. */
export const parseServiceFile = (
  text: string,
  service: string
): Either.Either<KeywordValues | undefined, SettingsIssue> => {
  let values: Map<string, string> | undefined
  for (const [index, whole] of text.split("\n").entries()) {
    const line = whole.replace(/^[ \t\v\f\r]+/, "").replace(/[ \t\v\f\r]+$/, "")
    if (line === "" || line.startsWith("#")) continue
    if (line.startsWith("[")) {
      if (values !== undefined) break
      if (line.startsWith(`${service}]`, 1)) values = new Map()
      continue
    }
    if (values === undefined) continue
    const pair = readPair(line, index + 1)
    if (Either.isLeft(pair)) return Either.left(pair.left)
    const [name, value] = pair.right
    if (!values.has(name)) values.set(name, value)
  }
  return Either.right(values)
}

export interface ServiceToFind {
  readonly service: string
  /** a path that somebody wrote */
  readonly servicefile: string | undefined
}

/** The user's file, then the system's. A service that is in neither is an error. */
export const readService = (
  fileSystem: MaybeFileSystem,
  environment: Environment,
  { service, servicefile }: ServiceToFind
): Effect.Effect<KeywordValues, SettingsIssue> =>
  Effect.gen(function* () {
    const user = servicefile ?? environment.files?.service
    const system =
      environment.systemDirectory === undefined ? undefined : `${environment.systemDirectory}/pg_service.conf`
    for (const path of [user, system]) {
      if (path === undefined) continue
      const explicit = path === servicefile
      const key = explicit ? "servicefile" : "service"
      const text = yield* readSettingsFile(fileSystem, { key, path, explicit })
      const values = text === undefined ? undefined : yield* parseServiceFile(text, service)
      if (values !== undefined) return values
    }
    const remedy = fileSystem._tag === "None" ? "; there is no FileSystem to read one with: provide one" : ""
    return yield* Effect.fail(settingsIssue("service", `the service is defined in no service file${remedy}`))
  })
