// Where the program defined a statement, read from the stack while its template is evaluated. Costs are in `definedAt`; nothing here
// runs when a query runs. It knows the stack texts of V8 (Node, Deno, Chromium, workers) and of JavaScriptCore and SpiderMonkey
// (Bun, Safari, Firefox), asks for no file and throws nothing: what it cannot read is "unknown".
import { hasProperty } from "effect/Predicate"

/** A place in the text of a stack; `file` as the runtime wrote it, without query string. */
export interface Frame {
  readonly file: string
  readonly line: number
}

// "    at f (file:///a/b.ts:3:7)", "    at async /a/b.ts:3:7", "at f (eval at g (/a.js:1:1), <anonymous>:1:1)"; "f@http://a/b.js:3:7".
// The greedy prefix ends at the last opening parenthesis that still leaves ":line:column" at the end: paths may hold some themselves.
const v8 = /^\s*at (?:async )?(?:.*? \()?(.+?):(\d+):\d+\)?$/
const others = /^(?:[^@]*@)(.+?):(\d+):\d+$/

/** The frames of a stack, innermost first; lines that are none are left out. */
export const framesOf = (stack: string): ReadonlyArray<Frame> =>
  stack.split("\n").flatMap((text) => {
    const found = v8.exec(text) ?? others.exec(text)
    if (found === null) return []
    const file = (found[1] ?? "").replace(/[?#][^/\\]*$/, "")
    return file.includes("<anonymous>") || file.startsWith("eval at ") ? [] : [{ file, line: Number(found[2]) }]
  })

/** As a path with `/`: file URLs decoded, the origin of other URLs left out, drive letters kept. `undefined` for code without a file. */
const pathOf = (file: string): string | undefined => {
  if (/^(?:data|blob|node|ext|native|internal|wasm):|^native$|^internal\//.test(file)) return undefined
  const url = /^([a-z][a-z0-9+.-]+):\/\/([^/]*)(\/.*)$/i.exec(file)
  if (url === null) return file.replaceAll("\\", "/")
  const path = decoded(url[3] ?? "")
  if (url[1] !== "file") return path.replace(/^\/+/, "")
  return /^\/[A-Za-z]:\//.test(path) ? path.slice(1) : path
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Node, Bun and Deno; Deno may refuse. */
const workingDirectory = (): string | undefined => {
  try {
    const process: unknown = Reflect.get(globalThis, "process")
    if (!hasProperty(process, "cwd") || typeof process.cwd !== "function") return undefined
    const directory: unknown = process.cwd()
    return typeof directory === "string" ? directory.replaceAll("\\", "/").replace(/\/+$/, "") : undefined
  } catch {
    return undefined
  }
}

const isAbsolute = (path: string): boolean => path.startsWith("/") || /^[A-Za-z]:\//.test(path)

/**
 * A path that names the file and not the machine: relative to the working directory if it is below it or beside it (two levels up at
 * most), from the package's name for code of a dependency, otherwise the last two names behind `…/`.
 */
export const shortened = (path: string, directory: string | undefined): string => {
  if (!isAbsolute(path)) return path
  if (directory !== undefined && path.startsWith(`${directory}/`)) return path.slice(directory.length + 1)
  const dependency = path.lastIndexOf("/node_modules/")
  if (dependency >= 0) return path.slice(dependency + "/node_modules/".length)
  for (let up = 1, above = parentOf(directory); up <= 2 && above !== undefined; up++, above = parentOf(above)) {
    if (path.startsWith(`${above}/`)) return "../".repeat(up) + path.slice(above.length + 1)
  }
  return `…/${path.split("/").slice(-2).join("/")}`
}

/** `undefined` at the root and one below it: what they contain is the machine's, not the program's. */
const parentOf = (directory: string | undefined): string | undefined => {
  const parent = directory?.slice(0, directory.lastIndexOf("/"))
  return parent === undefined || parent.lastIndexOf("/") <= 0 ? undefined : parent
}

const ownFile = /\/internal\/origin\.[cm]?[jt]s$/

/**
 * The place of the program among frames whose first is this module's: pgfx itself, Effect and the runtime are skipped. In a bundle
 * without source maps pgfx has no files of its own: then only another file is believed, a guess would point at the wrong line.
 */
export const originOf = (frames: ReadonlyArray<Frame>, directory: string | undefined): string => {
  const own = frames[0] === undefined ? undefined : pathOf(frames[0].file)
  if (own === undefined) return "unknown"
  const root = own.replace(ownFile, "/")
  for (const { file, line } of frames) {
    const path = pathOf(file)
    if (path === undefined || path.includes("/node_modules/effect/")) continue
    if (root === own ? path === own : path.startsWith(root)) continue
    return `${shortened(path, directory)}:${line}`
  }
  return "unknown"
}

const framesWanted = 16

/** The stack as text, with enough frames whatever the program set; `undefined` if a hook of the program makes something else of it. */
const currentStack = (): string | undefined => {
  // V8's property; elsewhere it does nothing, and where it is frozen `Reflect.set` only says no
  const limit: unknown = Reflect.get(Error, "stackTraceLimit")
  Reflect.set(Error, "stackTraceLimit", framesWanted)
  try {
    const { stack } = new Error()
    return typeof stack === "string" ? stack : undefined
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit)
  }
}

const known = new WeakMap<object, string>()

/**
 * `src/Country.ts:14`, the line of the program that called into pgfx, or `"unknown"`.
 *
 * With `site`, an object that stands for the place (the strings of a tagged template are one object per place in the source), the
 * stack is read once per place, also if the template stands in a function that runs for every request.
 */
export const definedAt = (site?: object): string => {
  const before = site === undefined ? undefined : known.get(site)
  if (before !== undefined) return before
  let origin: string
  try {
    const stack = currentStack()
    origin = stack === undefined ? "unknown" : originOf(framesOf(stack), workingDirectory())
  } catch {
    origin = "unknown"
  }
  if (site !== undefined) known.set(site, origin)
  return origin
}
