// A template with its slots becomes SQL text with `$1 …` and the list of what each `$n` is filled from. Values never become
// text: what is spliced is written by the programmer (templates, `Sql.unsafe`) or quoted (`Sql.identifier`).
import type * as Schema from "effect/Schema"

type AnySchema = Schema.Schema<unknown, unknown, unknown>

/** Where an encoded value comes from: an argument of the query, or a value that was given when the fragment was made. */
export type Source =
  | { readonly _tag: "Argument"; readonly name: string; readonly schema: AnySchema }
  | { readonly _tag: "Value"; readonly name: string; readonly schema: AnySchema | undefined; readonly value: unknown }

/** One `$n`: a source, and which part of its encoded value goes there. */
export interface Placeholder {
  readonly source: Source
  /** what the errors call it */
  readonly name: string
  readonly pick: (encoded: unknown) => unknown
  /** which part of the source's encoded side `pick` takes; absent: all of it */
  readonly part?: Part | undefined
}

/** A member of an encoded object; `each`: of every object of an encoded array, so that the value is an array itself. */
export interface Part {
  readonly key: string
  readonly each: boolean
}

export type Piece =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Placeholder"; readonly placeholder: Placeholder }

export interface CompiledTemplate {
  readonly text: string
  /** in the order of `$1 …` */
  readonly placeholders: ReadonlyArray<Placeholder>
  /** each once, whatever the number of placeholders that pick from it */
  readonly sources: ReadonlyArray<Source>
}

export const text = (sql: string): Piece => ({ _tag: "Text", text: sql })

export const whole = (encoded: unknown): unknown => encoded

/** `"a""b"`: quoted always, so that case and reserved words never matter. Names from outside stay names. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

const sameSource = (a: Source, b: Source): boolean =>
  a === b || (a._tag === "Argument" && b._tag === "Argument" && a.name === b.name && a.schema === b.schema)

/** Numbers the placeholders. The same argument with the same Schema is one `$n`, so that the server infers one type for it. */
export const compileTemplate = (pieces: ReadonlyArray<Piece>): CompiledTemplate => {
  const placeholders: Array<Placeholder> = []
  const sources: Array<Source> = []
  let sql = ""
  for (const piece of pieces) {
    if (piece._tag === "Text") {
      sql += piece.text
      continue
    }
    const wanted = piece.placeholder
    let index = placeholders.findIndex((p) => p.pick === wanted.pick && sameSource(p.source, wanted.source))
    if (index < 0) {
      const known = sources.find((source) => sameSource(source, wanted.source))
      if (known === undefined) sources.push(wanted.source)
      index = placeholders.push(known === undefined ? wanted : { ...wanted, source: known }) - 1
    }
    sql += `$${index + 1}`
  }
  return { text: sql, placeholders, sources }
}
