// What check-arrows.mjs judges: every package of the workspace with its files and their imports, and circles in graphs.
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { builtinModules } from "node:module"
import { join, relative, sep } from "node:path"
import { importsOf } from "./check-arrows-imports.mjs"

const builtins = new Set(builtinModules)

/** `effect/Effect` → `effect`; `@pgfx/codecs/x` → `@pgfx/codecs`; `fs/promises` → `node:*`. */
export const packageOf = (specifier) => {
  if (specifier.startsWith("node:") || builtins.has(specifier)) return "node:*"
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/")
}

/** Path below `from`, with forward slashes. */
export const slashed = (from, path) => relative(from, path).split(sep).join("/")

const sourceFiles = (folder) => {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === "node_modules" || entry.name === "dist" ? [] : sourceFiles(path)
    return /\.[cm]?tsx?$/.test(entry.name) ? [path] : []
  })
}

const readPackage = (root, folder, table) => {
  const home = join(root, "packages", folder)
  const read = (base) => (path) => ({
    path,
    /** as the report names it */
    name: slashed(root, path),
    /** as the table names it */
    within: slashed(base, path),
    imports: importsOf(readFileSync(path, "utf8"))
  })
  const filesOf = (name) => sourceFiles(join(home, name)).map(read(join(home, name)))
  return {
    folder,
    manifest: JSON.parse(readFileSync(join(home, "package.json"), "utf8")),
    row: table.get(folder),
    src: filesOf("src"),
    tests: filesOf("test")
  }
}

/** All packages; `shortName` turns the npm name of one of ours into its folder's name and leaves others as they are. */
export const readWorkspace = (root, table) => {
  const packages = readdirSync(join(root, "packages"))
    .filter((folder) => existsSync(join(root, "packages", folder, "package.json")))
    .sort()
    .map((folder) => readPackage(root, folder, table))
  const byNpmName = new Map(packages.map((owner) => [owner.manifest.name, owner.folder]))
  return { root, packages, byNpmName, shortName: (npmName) => byNpmName.get(npmName) ?? npmName }
}

/** First cycle of a graph (node → nodes) as the list of its nodes, the first one repeated at the end. */
export const findCycle = (graph) => {
  const done = new Set()
  const path = []
  const visit = (node) => {
    if (done.has(node)) return undefined
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node]
    path.push(node)
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next)
      if (cycle !== undefined) return cycle
    }
    path.pop()
    done.add(node)
    return undefined
  }
  for (const node of graph.keys()) {
    const cycle = visit(node)
    if (cycle !== undefined) return cycle
  }
  return undefined
}

/** Cycles one after the other, each with its last edge taken out of the graph before the next is looked for. */
export const cyclesOf = (graph) => {
  const rest = new Map([...graph].map(([node, targets]) => [node, [...targets]]))
  const cycles = []
  for (let cycle = findCycle(rest); cycle !== undefined && cycles.length < 20; cycle = findCycle(rest)) {
    cycles.push(cycle)
    const [last, first] = cycle.slice(-2)
    rest.set(
      last,
      rest.get(last).filter((target) => target !== first)
    )
  }
  return cycles
}
