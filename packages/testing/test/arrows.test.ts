// Proves that scripts/check-arrows.mjs can fail: a miniature workspace that is in order, and one offence at a time.
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"

const script = fileURLToPath(new URL("../../../scripts/check-arrows.mjs", import.meta.url))

const readme = `# Miniature
<!-- arrows -->
| package | npm name | one line | may import |
| --- | --- | --- | --- |
| \`packages/protocol\` | \`@mini/protocol\` | bytes | \`@noble/hashes\`; \`effect\` only in \`MessageStream.ts\` |
| \`packages/codecs\` | \`@mini/codecs\` | values | \`protocol\` |
| \`packages/client\` | \`mini\` | the client | \`protocol\`, \`codecs\`, \`effect\` not in \`internal/exchange\` |
| \`packages/platform-node\` | \`@mini/platform-node\` | sockets | \`client\`, \`effect\`, \`node:*\` |
| \`packages/examples\` | private | examples | anything |
<!-- /arrows -->
`

const manifest = (name: string, dependencies: ReadonlyArray<string>) =>
  JSON.stringify({ name, dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, "*"])) })

/** A workspace without offence, which uses every kind of arrow that its table allows. */
const inOrder: Readonly<Record<string, string>> = {
  "README.md": readme,
  "packages/protocol/package.json": manifest("@mini/protocol", ["@noble/hashes", "effect"]),
  "packages/protocol/src/Scram.ts": `import { sha256 } from "@noble/hashes/sha2"\nexport const scram = sha256\n`,
  "packages/protocol/src/MessageStream.ts": `import * as Stream from "effect/Stream"\nexport const empty = Stream.empty\n`,
  "packages/codecs/package.json": manifest("@mini/codecs", ["@mini/protocol"]),
  "packages/codecs/src/Codec.ts": `import type { scram } from "@mini/protocol"\nexport type Scram = typeof scram\n`,
  "packages/codecs/test/Codec.test.ts": `import { readFileSync } from "node:fs"\nimport "mini"\nexport { readFileSync }\n`,
  "packages/client/package.json": manifest("mini", ["@mini/protocol", "@mini/codecs", "effect"]),
  "packages/client/src/Client.ts": `import * as Effect from "effect/Effect"\nimport { send } from "./internal/exchange/send.ts"\nexport const client = Effect.sync(send)\n`,
  "packages/client/src/internal/exchange/send.ts": `import type { Client } from "../../types.ts"\nexport const send = (): Client => 1\n`,
  "packages/client/src/types.ts": `import type { client } from "./Client.ts"\nexport type Client = number\nexport type Value = typeof client\n`,
  "packages/platform-node/package.json": manifest("@mini/platform-node", ["mini", "effect"]),
  "packages/platform-node/src/Transport.ts": `import * as Net from "node:net"\nimport { client } from "mini"\nexport default [Net, client]\n`,
  "packages/examples/package.json": manifest("@mini/examples", ["mini", "left-pad"]),
  "packages/examples/src/main.ts": `import pad from "left-pad"\nimport * as fs from "fs"\nexport { fs, pad }\n`
}

const roots: Array<string> = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

/** What the script says about the workspace with these files changed or added. */
const check = (changes: Readonly<Record<string, string>> = {}) => {
  const root = mkdtempSync(join(tmpdir(), "pgfx arrows "))
  roots.push(root)
  for (const [path, text] of Object.entries({ ...inOrder, ...changes })) {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  const result = spawnSync(process.execPath, [script, "--root", root], { encoding: "utf8" })
  return { status: result.status, lines: result.stdout.split("\n").filter((line) => line !== "") }
}

const offence = (path: string, text: string) => check({ [path]: (inOrder[path] ?? "") + text })

describe("check-arrows", () => {
  it("has nothing to say about a workspace in order", () => {
    expect(check()).toEqual({ status: 0, lines: [] })
  })

  it("reports an arrow that the table does not have, with file, line and rule", () => {
    const path = "packages/protocol/src/Scram.ts"
    expect(offence(path, `// why not\nimport { Codec } from "@mini/codecs/Codec"\n`)).toEqual({
      status: 1,
      lines: [
        `${path}:4  protocol → codecs  not an arrow of the table (may import: @noble/hashes, effect)`,
        expect.stringContaining("protocol → codecs → protocol")
      ]
    })
  })

  it.each([
    ["a type import", `import type { client } from "mini"`],
    ["a re-export", `export * from "mini"`],
    ["a re-export of names over several lines", `export {\n  client,\n  other as another\n} from "mini"`],
    ["an import for its effects", `import "mini"`],
    ["a dynamic import", `export const load = () => import("mini")`],
    ["a type query", `export type M = typeof import("mini")`],
    ["an import after a regular expression with a quote", `const quote = /["'\`/]/\nimport { client } from 'mini'`],
    ["an import after a template in a template", 'const t = `a${`b${"}"}`}`\nimport { client } from "mini"']
  ])("sees %s", (_kind, text) => {
    const { lines, status } = offence("packages/codecs/src/Codec.ts", text)
    expect(status).toBe(1)
    expect(lines[0]).toContain("codecs → client  not an arrow of the table (may import: protocol)")
  })

  it("does not take comments, strings and properties for imports", () => {
    const text = `
      // import "mini"
      /** @example import { client } from "mini" */
      export const sql = 'import { client } from "mini"'
      export const template = \`import "mini" \${sql}\`
      export const record = { import: (x: string) => x, from: "mini" }
      export const value = record.import("mini")
    `
    expect(offence("packages/codecs/src/Codec.ts", text)).toEqual({ status: 0, lines: [] })
  })

  it.each([
    ["packages/client/src/Client.ts", `import * as fs from "node:fs"`, "client → node:fs  not an arrow of the table"],
    ["packages/codecs/src/Codec.ts", `import * as fs from "fs/promises"`, "codecs → fs/promises  not an arrow"],
    ["packages/protocol/src/Scram.ts", `import "effect"`, "protocol → effect  allowed only in MessageStream.ts"],
    ["packages/codecs/src/Codec.ts", `import type {} from "effect"`, "codecs → effect  not an arrow of the table"],
    [
      "packages/client/src/internal/exchange/send.ts",
      `import "effect/Effect"`,
      "client → effect  not allowed in internal/exchange"
    ],
    [
      "packages/client/src/Client.ts",
      `import "mini/types"`,
      "client → client  a package imports its own files by path"
    ],
    ["packages/platform-node/src/Transport.ts", `import "mini/internal/exchange/send"`, "another package's inside"],
    [
      "packages/codecs/test/Codec.test.ts",
      `import "../../protocol/src/Scram.ts"`,
      `codecs → protocol  a path into another package ("../../protocol/src/Scram.ts"); import it by name`
    ]
  ])("refuses in %s: %s", (path, text, message) => {
    const { lines, status } = offence(path, text)
    expect(status).toBe(1)
    expect(lines.join("\n")).toContain(message)
    expect(lines.join("\n")).toContain(`${path}:`)
  })

  it("refuses Effect in a file that the exchange loads, through however many others", () => {
    const { lines } = check({
      "packages/client/src/internal/exchange/send.ts": `import { classify } from "../classify.ts"\nexport const send = classify\n`,
      "packages/client/src/internal/classify.ts": `import { table } from "./table.ts"\nexport const classify = table\n`,
      "packages/client/src/internal/table.ts": `import * as Data from "effect/Data"\nexport const table = Data\n`
    })
    expect(lines).toEqual([
      "packages/client/src/internal/table.ts:1  client → effect  not allowed in internal/exchange, which loads this file " +
        "(from packages/client/src/internal/classify.ts)"
    ])
  })

  it("refuses a circle of files, and allows one of types alone", () => {
    const { lines } = check({
      "packages/codecs/src/A.ts": `export * from "./B.ts"\n`,
      "packages/codecs/src/B.ts": `import { a } from "./A.ts"\nexport const b = a\n`
    })
    expect(lines).toEqual([
      "packages/codecs/src/A.ts:1  A.ts → B.ts → A.ts  these files import one another in a circle"
    ])
  })

  it("refuses a circle of packages even if the table allows both arrows", () => {
    const { lines } = check({
      "README.md": readme.replace("values | `protocol` |", "values | `protocol`, `client` |"),
      "packages/codecs/package.json": manifest("@mini/codecs", ["@mini/protocol", "mini"])
    })
    expect(lines.join("\n")).toMatch(/README\.md:1 {2}.*client → codecs → client|codecs → client → codecs/)
  })

  it("refuses a dependency that may not be imported, and an import that is not a dependency", () => {
    expect(check({ "packages/codecs/package.json": manifest("@mini/codecs", ["mini"]) }).lines).toEqual([
      "packages/codecs/package.json:1  codecs → client  depends on what it may not import (may import: protocol)",
      "packages/codecs/src/Codec.ts:1  codecs → protocol  not declared in packages/codecs/package.json"
    ])
  })

  it("refuses a package that the table does not know, and a README without a table", () => {
    const unknown = check({ "packages/extra/package.json": manifest("@mini/extra", []) })
    expect(unknown.lines).toEqual([
      "packages/extra/package.json:1  extra  this package is missing in the README's arrow table"
    ])
    expect(check({ "README.md": "# nothing\n" })).toEqual({
      status: 1,
      lines: ["README.md:1 has no table between <!-- arrows --> and <!-- /arrows -->"]
    })
  })

  it("reads the table of the real README", () => {
    const real = readFileSync(new URL("../../../README.md", import.meta.url), "utf8")
    expect(real).toMatch(/<!-- arrows -->[^]*`packages\/protocol`[^]*<!-- \/arrows -->/)
  })
})
