// Code blocks of Markdown files that are files of packages/examples: `<!-- snippet PATH -->` … `<!-- /snippet -->`. Writes them in;
// with --check it only compares, so that a README never shows code that nobody compiled.
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isMain, root } from "./setup-tools.mjs"

const block = /<!-- snippet (\S+) -->\n```ts\n[\s\S]*?```\n<!-- \/snippet -->/g

const documents = () => [
  "README.md",
  ...readdirSync(join(root, "packages"))
    .map((name) => `packages/${name}/README.md`)
    .filter((path) => {
      try {
        return readFileSync(join(root, path)).length > 0
      } catch {
        return false
      }
    })
]

/** The documents whose blocks differ from their files, with the text they should have. */
export const staleSnippets = () =>
  documents().flatMap((path) => {
    const text = readFileSync(join(root, path), "utf8")
    const fresh = text.replace(
      block,
      (_, file) =>
        `<!-- snippet ${file} -->\n\`\`\`ts\n${readFileSync(join(root, file), "utf8")}\`\`\`\n<!-- /snippet -->`
    )
    return fresh === text ? [] : [{ path, fresh }]
  })

if (isMain(import.meta.url)) {
  const stale = staleSnippets()
  if (process.argv.includes("--check")) {
    for (const { path } of stale)
      process.stdout.write(`${path}: a snippet differs from its file; run node scripts/readme-snippets.mjs\n`)
    process.exitCode = stale.length === 0 ? 0 : 1
  } else for (const { path, fresh } of stale) writeFileSync(join(root, path), fresh)
}
