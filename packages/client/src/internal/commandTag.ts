// The server's own word about what a statement did: `INSERT 0 1`, `SELECT 5`, `CREATE TABLE`.

/** `rows` is what the server counted, 0 for commands that count nothing. */
export interface CommandTag {
  readonly command: string
  readonly rows: number
}

/**
 * Splits a CommandComplete tag. INSERT carries an OID that has been 0 since version 12 between the word and the count.
 * Source: "Message Formats", CommandComplete.
 */
export const readCommandTag = (tag: string): CommandTag => {
  const match = /^(\D+?)(?: \d+)?(?: (\d+))$/.exec(tag)
  if (match?.[1] === undefined) return { command: tag, rows: 0 }
  return { command: match[1], rows: Number(match[2]) }
}
