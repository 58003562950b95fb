// pgfx as it would be if nobody had ever thought of tracing: what its hot path asks about observers is cut out of the source on the way into the
// bundle. Fails if it does not find what it is to cut.
import { readFile } from "node:fs/promises"
import { basename } from "node:path"
import type { Plugin } from "esbuild"

type Cut = readonly [what: string, instead: string]

const cuts: Readonly<Record<string, ReadonlyArray<Cut>>> = {
  "SharedRequest.ts": [
    ["private readonly trace: StatementTrace<A> | undefined\n", ""],
    ["this.trace = trace\n", ""],
    [
      "if (this.trace === undefined || this.on !== undefined) return\n    this.isWaiting = true\n    this.trace.waits()\n",
      ""
    ],
    ["private isWaiting = false\n", ""],
    ["this.trace?.granted(this.isWaiting)\n", ""],
    ["this.trace?.released()\n", ""],
    ["after(this.trace?.succeeded(settled), Effect.succeed(settled))", "Effect.succeed(settled)"],
    [
      "const { claim, database, on, run, trace } = this\n    const report = trace?.interrupted()\n",
      "const { claim, database, on, run } = this\n    const report = undefined\n"
    ],
    ["after(this.trace?.failed(error), Effect.fail(error))", "Effect.fail(error)"],
    ["trace?.start(fiber)\n", ""]
  ],
  "runQuery.ts": [
    [
      "observer === undefined\n      ? undefined\n      : observer.statements.trace({ statement, values, known: descriptions.has(parameters.identity) }, rowsReceived)",
      "undefined"
    ],
    ["const { descriptions, observer } = database\n  const { parameters, statement }", "const { statement }"],
    ["const comment = trace?.comment\n", ""],
    [
      "before.length === 0 && comment === undefined ? atOnce : { ...atOnce, before, comment }",
      "before.length === 0 ? atOnce : { ...atOnce, before }"
    ]
  ],
  "runRequest.ts": [
    ["trace === undefined || isShared ? untraced : observed(trace, untraced, holder === undefined)", "untraced"]
  ]
}

export const untraced: Plugin = {
  name: "untraced",
  setup(build) {
    const left = new Set(Object.keys(cuts))
    build.onLoad({ filter: /\/client\/src\/internal\/(SharedRequest|runQuery|runRequest)\.ts$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8")
      for (const [what, instead] of cuts[basename(path)] ?? []) {
        if (!contents.includes(what)) throw new Error(`${path} has changed: nowhere is ${what}`)
        contents = contents.replace(what, () => instead)
      }
      left.delete(basename(path))
      return { contents, loader: "ts" }
    })
    build.onEnd(() => {
      if (left.size > 0) throw new Error(`not in the bundle: ${[...left].join(", ")}`)
    })
  }
}
