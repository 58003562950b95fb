import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { definedAt, framesOf, originOf, shortened } from "../../src/internal/origin.ts"

/** This very line, by another way: the number of the line that calls it. */
const lineHere = (): number =>
  Number(/origin\.test\.ts:(\d+):\d+/.exec((new Error("").stack ?? "").split("\n")[2] ?? "")?.[1])

describe("definedAt", () => {
  it("names the line that called into pgfx, relative to the working directory", () => {
    const [at, line] = [definedAt(), lineHere()]
    expect(at).toBe(`packages/client/test/internal/origin.test.ts:${line}`)
  })
  it("reads the stack once per place in the source", () => {
    const site = ["SELECT 1"]
    const first = definedAt(site)
    const later = definedAt(site)
    expect(later).toBe(first)
    expect(definedAt(["SELECT 1"])).not.toBe(first)
  })
  it("does its work under a program's own limit of frames, and leaves it as it was", () => {
    const limit = Error.stackTraceLimit
    try {
      Error.stackTraceLimit = 0
      expect(definedAt()).toMatch(/^packages\/client\/test\/internal\/origin\.test\.ts:\d+$/)
      expect(Error.stackTraceLimit).toBe(0)
    } finally {
      Error.stackTraceLimit = limit
    }
  })
  it("is unknown where a program makes something else of stacks, or its hook fails", () => {
    const prepare = Error.prepareStackTrace
    try {
      Error.prepareStackTrace = (_error, frames) => frames
      expect(definedAt()).toBe("unknown")
      Error.prepareStackTrace = () => {
        throw new Error("hook")
      }
      expect(definedAt()).toBe("unknown")
    } finally {
      Error.prepareStackTrace = prepare
    }
  })
})

// What the runtimes write, with pgfx installed from npm and called from /app/src/Country.ts:14.
const node = `Error
    at currentStack (file:///app/node_modules/pgfx/dist/internal/origin.js:90:23)
    at definedAt (file:///app/node_modules/pgfx/dist/internal/origin.js:118:19)
    at statementOf (file:///app/node_modules/pgfx/dist/Query.js:60:70)
    at pipe (file:///app/node_modules/effect/dist/esm/Function.js:352:17)
    at file:///app/src/Country.ts:14:38
    at ModuleJob.run (node:internal/modules/esm/module_job:263:25)
    at async onImport.tracePromise.__proto__ (node:internal/modules/esm/loader:547:26)`
const commonJs = `Error
    at currentStack (/app/node_modules/pgfx/dist/internal/origin.js:90:23)
    at template (/app/node_modules/pgfx/dist/Query.js:60:70)
    at Object.<anonymous> (/app/src/Country.ts:14:38)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)`
const bun = `Error
    at currentStack (/app/node_modules/pgfx/dist/internal/origin.js:90:23)
    at template (/app/node_modules/pgfx/dist/Query.js:60:70)
    at /app/src/Country.ts:14:38
    at moduleEvaluation (native:1:11)`
const deno = `Error
    at currentStack (file:///app/node_modules/.deno/pgfx@0.1.0/node_modules/pgfx/dist/internal/origin.js:90:23)
    at template (file:///app/node_modules/.deno/pgfx@0.1.0/node_modules/pgfx/dist/Query.js:60:70)
    at file:///app/src/Country.ts:14:38
    at eventLoopTick (ext:core/01_core.js:178:7)`
const safari = `currentStack@http://localhost:5173/node_modules/.vite/pgfx/internal/origin.js?v=1f:90:23
template@http://localhost:5173/node_modules/.vite/pgfx/Query.js?v=1f:60:70
module code@http://localhost:5173/src/Country.ts?t=17:14:38`
const firefox = `currentStack@http://localhost:5173/node_modules/.vite/pgfx/internal/origin.js?v=1f:90:23
template@http://localhost:5173/node_modules/.vite/pgfx/Query.js?v=1f:60:70
@http://localhost:5173/src/Country.ts?t=17:14:38`
const windows = `Error
    at currentStack (file:///C:/app/node_modules/pgfx/dist/internal/origin.js:90:23)
    at template (file:///C:/app/node_modules/pgfx/dist/Query.js:60:70)
    at file:///C:/app/src/Country.ts:14:38`

describe("stacks", () => {
  it("are read as each runtime writes them", () => {
    for (const stack of [node, commonJs, bun, deno]) expect(originOf(framesOf(stack), "/app")).toBe("src/Country.ts:14")
    for (const stack of [safari, firefox]) expect(originOf(framesOf(stack), undefined)).toBe("src/Country.ts:14")
    expect(originOf(framesOf(windows), "C:/app")).toBe("src/Country.ts:14")
  })
  it("with paths that hold spaces, parentheses and colons", () => {
    const odd = `Error
    at currentStack (/a (b)/node_modules/pgfx/dist/internal/origin.js:1:1)
    at f (/a (b)/my src:2/Q (1).ts:7:9)`
    expect(originOf(framesOf(odd), "/a (b)")).toBe("my src:2/Q (1).ts:7")
    const encoded = `Error
    at currentStack (file:///a%20b/node_modules/pgfx/dist/internal/origin.js:1:1)
    at f (file:///a%20b/my%20src/%E6%97%A5.ts:7:9)`
    expect(originOf(framesOf(encoded), "/a b")).toBe("my src/日.ts:7")
  })
  it("skip code that was evaluated from a string", () => {
    const evaluated = `Error
    at currentStack (/app/node_modules/pgfx/dist/internal/origin.js:1:1)
    at eval (eval at load (/app/loader.js:3:1), <anonymous>:1:1)
    at load (/app/loader.js:3:1)`
    expect(originOf(framesOf(evaluated), "/app")).toBe("loader.js:3")
  })
  it("of a bundle are believed only where another file speaks", () => {
    const bundle = (caller: string) => `Error
    at a (/app/dist/server.js:1:100)
    at b (/app/dist/server.js:1:2000)
    at ${caller}:2:3000`
    expect(originOf(framesOf(bundle("/app/dist/server.js")), "/app")).toBe("unknown")
    expect(originOf(framesOf(bundle("/app/dist/chunk-1.js")), "/app")).toBe("dist/chunk-1.js:2")
  })
  it("that say nothing are unknown, and no text makes it throw", () => {
    expect(originOf([], "/app")).toBe("unknown")
    expect(originOf(framesOf("Error: m"), "/app")).toBe("unknown")
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.string(),
            fc.string().map((text) => `    at ${text}:1:2`)
          )
        ),
        (lines) => {
          expect(typeof originOf(framesOf(lines.join("\n")), "/app")).toBe("string")
        }
      )
    )
  })
})

describe("paths", () => {
  it("below the working directory and beside it are relative", () => {
    expect(shortened("/home/me/app/packages/api/src/Q.ts", "/home/me/app/packages/api")).toBe("src/Q.ts")
    expect(shortened("/home/me/app/packages/shared/src/Q.ts", "/home/me/app/packages/api")).toBe("../shared/src/Q.ts")
    expect(shortened("/home/me/app/shared/src/Q.ts", "/home/me/app/packages/api")).toBe("../../shared/src/Q.ts")
    expect(shortened("/home/me/apple/Q.ts", "/home/me/app")).toBe("../apple/Q.ts")
  })
  it("of a dependency begin with its name", () => {
    expect(shortened("/srv/app/node_modules/.pnpm/repo@1/node_modules/@me/repo/dist/q.js", "/home/me")).toBe(
      "@me/repo/dist/q.js"
    )
  })
  it("elsewhere do not tell about the machine", () => {
    expect(shortened("/home/me/other/place/src/Q.ts", "/srv/app/api")).toBe("…/src/Q.ts")
    expect(shortened("/home/me/other/place/src/Q.ts", undefined)).toBe("…/src/Q.ts")
    expect(shortened("/home/me/place/src/Q.ts", "/home/you")).toBe("…/src/Q.ts")
    expect(shortened("C:/Users/me/place/src/Q.ts", "D:/app")).toBe("…/src/Q.ts")
  })
})
