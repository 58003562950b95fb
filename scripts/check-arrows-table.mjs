// The table of packages and arrows, as it stands in the root README between <!-- arrows --> and <!-- /arrows -->.
// Columns: package | npm name | one line | may import. Names stand in backticks, anything else in a cell is for people.
//   package     one or more folders: `packages/examples`, `packages/benchmarks`
//   npm name    `@pgfx/protocol`, or the word private
//   may import  nothing | anything | a list, separated by commas or semicolons, of
//               `client`                          the package in packages/client
//               `effect`                          an npm package with all its subpaths; `node:*` are Node's own modules
//               `effect` only in `A.ts`, `B.ts`   … from these files of src alone
//               `effect` not in `internal/x`      … but not from this folder of src, nor from what its files import

const names = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1])

const parseRule = (text) => {
  const [name, ...places] = names(text)
  const limit = /`\s+(only|not) in\s/.exec(text)?.[1]
  return { name, onlyIn: limit === "only" ? places : undefined, notIn: limit === "not" ? places : [] }
}

/** Splits a list at its commas and semicolons; names that only continue an `only in` list stay with it. */
const parseRules = (cell) => {
  const rules = []
  for (const part of cell.split(/[;,]/)) {
    const [name] = names(part)
    if (name === undefined) continue
    const continues = rules.length > 0 && name.endsWith(".ts")
    if (continues) rules[rules.length - 1] += `, ${part}`
    else rules.push(part)
  }
  return rules.map(parseRule)
}

/**
 * Parses the README. Result: by folder name, `{ folder, npmName, free, rules }`; `free` packages may import anything.
 * Throws, with the line, if the table is missing or a row cannot be understood.
 */
export const parseTable = (readme) => {
  const lines = readme.split("\n")
  const begin = lines.findIndex((line) => line.trim() === "<!-- arrows -->")
  const end = lines.findIndex((line) => line.trim() === "<!-- /arrows -->")
  if (begin < 0 || end < begin) throw new Error("README.md:1 has no table between <!-- arrows --> and <!-- /arrows -->")
  const table = new Map()
  for (let index = begin + 1; index < end; index++) {
    const cells = lines[index].split("|").map((cell) => cell.trim())
    const folders = names(cells[1] ?? "").filter((name) => name.startsWith("packages/"))
    if (folders.length === 0) continue
    const where = `README.md:${index + 1}`
    if (cells.length !== 6) throw new Error(`${where} a row of the arrow table has four cells`)
    const free = cells[4] === "anything"
    const rules = free || cells[4] === "nothing" ? [] : parseRules(cells[4])
    if (!free && rules.length === 0 && cells[4] !== "nothing")
      throw new Error(`${where} cannot understand: ${cells[4]}`)
    for (const path of folders) {
      const folder = path.slice("packages/".length)
      if (table.has(folder)) throw new Error(`${where} ${path} stands in the table twice`)
      table.set(folder, { folder, npmName: names(cells[2])[0], free, rules })
    }
  }
  return table
}
