// What a misspelt name was probably meant to be. It answers with names of ours only, never with the text that was written.

/** Edits (insert, delete, replace, swap of neighbours) between two words. Optimal string alignment. */
const distance = (a: string, b: string): number => {
  let beforeLast: ReadonlyArray<number> = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const next = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      next.push(
        Math.min(
          (last[column] ?? 0) + 1,
          (next[column - 1] ?? 0) + 1,
          (last[column - 1] ?? 0) + (same ? 0 : 1),
          swapped ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY
        )
      )
    }
    beforeLast = last
    last = next
  }
  return last[b.length] ?? 0
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "")

/** At most three of `names`, nearest first; none that differs by more than a third of its letters. */
export const nearMatches = (written: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  // no name of ours is longer than 40 characters, and the table of distances is quadratic
  const word = plain(written.slice(0, 60))
  return names
    .map((name) => ({ name, edits: distance(word, plain(name)) }))
    .filter(({ name, edits }) => edits <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ name }) => name)
}
