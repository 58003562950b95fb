// Holds the code to the arrow table of the README: which package may import which, where Node and Effect may be used, and
// that nothing goes in circles. Tests may import what they like; no file may reach into another package by a path.
// `node scripts/check-arrows.mjs [--root folder]`: one line per violation on standard output, exit code 1 if there is any.
import { readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { cyclesOf, findCycle, packageOf, readWorkspace, slashed } from "./check-arrows-workspace.mjs"
import { parseTable } from "./check-arrows-table.mjs"
import { isMain, root as workspaceRoot } from "./setup-tools.mjs"

/** One line of the report: where, which edge, which rule. */
const line = (file, number, edge, rule) => `${file}:${number}  ${edge}  ${rule}`

const mayImport = (row) => `(may import: ${row.rules.map((rule) => rule.name).join(", ") || "nothing"})`

const inside = (path, place) => path === place || path.startsWith(`${place}/`)

const declaredBy = ({ dependencies, optionalDependencies, peerDependencies }) => ({
  ...dependencies,
  ...peerDependencies,
  ...optionalDependencies
})

/** package.json against the table: its own row, and no dependency that src could not import anyway. */
const checkManifest = ({ folder, manifest, row }, workspace) => {
  const file = `packages/${folder}/package.json`
  if (row === undefined) return [line(file, 1, folder, "this package is missing in the README's arrow table")]
  const problems = []
  if (row.npmName !== undefined && row.npmName !== manifest.name) {
    problems.push(line(file, 1, manifest.name, `the arrow table calls it ${row.npmName}`))
  }
  for (const npmName of row.free ? [] : Object.keys(declaredBy(manifest))) {
    const target = workspace.shortName(npmName)
    if (row.rules.some((rule) => rule.name === target)) continue
    problems.push(line(file, 1, `${folder} → ${target}`, `depends on what it may not import ${mayImport(row)}`))
  }
  return problems
}

/** Why a file of `owner`'s src may not import an npm package or Node module; undefined if it may. */
const objection = (owner, file, npmName, target) => {
  const { folder, manifest, row } = owner
  if (target === folder) return "a package imports its own files by path"
  const rule = row.rules.find((one) => one.name === target)
  if (rule === undefined) return `not an arrow of the table ${mayImport(row)}`
  if (rule.onlyIn !== undefined && !rule.onlyIn.includes(file.within))
    return `allowed only in ${rule.onlyIn.join(", ")}`
  const closed = rule.notIn.find((place) => inside(file.within, place))
  if (closed !== undefined) return `not allowed in ${closed}`
  if (npmName === "node:*" || declaredBy(manifest)[npmName] !== undefined) return undefined
  return `not declared in packages/${folder}/package.json`
}

const checkImports = (owner, workspace) => {
  if (owner.row === undefined || owner.row.free) return []
  return owner.src.flatMap((file) =>
    file.imports.flatMap((one) => {
      if (one.specifier.startsWith(".") || one.specifier.startsWith("#")) return []
      const npmName = packageOf(one.specifier)
      const target = workspace.shortName(npmName)
      const rule = objection(owner, file, npmName, target)
      const edge = `${owner.folder} → ${npmName === "node:*" ? one.specifier : target}`
      return rule === undefined ? [] : [line(file.name, one.line, edge, rule)]
    })
  )
}

/** Paths and subpaths into another package: forbidden everywhere, in tests too. */
const checkReach = (owner, workspace) =>
  [...owner.src, ...owner.tests].flatMap((file) =>
    file.imports.flatMap((one) => {
      const { specifier } = one
      if (specifier.startsWith(".")) {
        const target = /^packages\/([^/]+)/.exec(slashed(workspace.root, resolve(dirname(file.path), specifier)))?.[1]
        if (target === undefined || target === owner.folder) return []
        const rule = `a path into another package ("${specifier}"); import it by name`
        return [line(file.name, one.line, `${owner.folder} → ${target}`, rule)]
      }
      const deep = workspace.byNpmName.has(packageOf(specifier)) && /\/(internal|src|dist)(\/|$)/.test(specifier)
      return deep ? [line(file.name, one.line, `${owner.folder} → ${specifier}`, "another package's inside")] : []
    })
  )

/** Files of src and what they load of one another. Types load nothing. */
const loadsOf = (owner) => {
  const known = new Set(owner.src.map((file) => file.path))
  const targets = (file) =>
    file.imports
      .filter((one) => !one.erased && one.specifier.startsWith("."))
      .map((one) => resolve(dirname(file.path), one.specifier))
      .filter((path) => known.has(path))
  return new Map(owner.src.map((file) => [file.path, targets(file)]))
}

const checkFileCycles = (owner) => {
  const byPath = new Map(owner.src.map((file) => [file.path, file]))
  return cyclesOf(loadsOf(owner)).map((cycle) => {
    const shown = cycle.map((path) => byPath.get(path).within).join(" → ")
    return line(byPath.get(cycle[0]).name, 1, shown, "these files import one another in a circle")
  })
}

/** A folder that is closed to a package (`not in`): what its files load, through others too, is closed as well. */
const checkClosedFolder = (owner, workspace, rule, place) => {
  const graph = loadsOf(owner)
  const byPath = new Map(owner.src.map((file) => [file.path, file]))
  const start = owner.src.filter((file) => inside(file.within, place)).map((file) => file.path)
  const via = new Map(start.map((path) => [path, undefined]))
  // A Map's iteration also visits what is added on the way.
  for (const path of via.keys()) for (const next of graph.get(path)) if (!via.has(next)) via.set(next, path)
  return [...via.keys()].slice(start.length).flatMap((path) => {
    const file = byPath.get(path)
    const wrong = file.imports.find((one) => !one.erased && workspace.shortName(packageOf(one.specifier)) === rule.name)
    if (wrong === undefined) return []
    const reason = `not allowed in ${place}, which loads this file (from ${byPath.get(via.get(path)).name})`
    return [line(file.name, wrong.line, `${owner.folder} → ${rule.name}`, reason)]
  })
}

const checkClosedFolders = (owner, workspace) =>
  (owner.row?.rules ?? []).flatMap((rule) =>
    rule.notIn.flatMap((place) => checkClosedFolder(owner, workspace, rule, place))
  )

const checkPackageCycles = ({ byNpmName, packages }) => {
  const folders = new Set(packages.map((owner) => owner.folder))
  const targets = (owner) => {
    const imported = owner.src.flatMap((file) => file.imports.map((one) => byNpmName.get(packageOf(one.specifier))))
    const arrows = (owner.row?.rules ?? []).map((rule) => rule.name)
    return [...new Set([...imported, ...arrows])].filter((folder) => folders.has(folder) && folder !== owner.folder)
  }
  const cycle = findCycle(new Map(packages.map((owner) => [owner.folder, targets(owner)])))
  return cycle === undefined
    ? []
    : [line("README.md", 1, cycle.join(" → "), "these packages import one another in a circle")]
}

/** All violations, as lines `file:line  edge  rule`. Throws if the README or a package.json cannot be read. */
export const checkArrows = (root) => {
  const workspace = readWorkspace(root, parseTable(readFileSync(join(root, "README.md"), "utf8")))
  const checks = [checkManifest, checkImports, checkReach, checkFileCycles, checkClosedFolders]
  const problems = workspace.packages.flatMap((owner) => checks.flatMap((check) => check(owner, workspace)))
  return [...problems, ...checkPackageCycles(workspace)]
}

if (isMain(import.meta.url)) {
  const [, , flag, folder] = process.argv
  const root = flag === "--root" && folder !== undefined ? resolve(folder) : workspaceRoot
  try {
    const violations = checkArrows(root)
    for (const violation of violations) process.stdout.write(`${violation}\n`)
    if (violations.length > 0) process.exitCode = 1
  } catch (error) {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}
