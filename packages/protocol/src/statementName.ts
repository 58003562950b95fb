// The server-side name of a prepared statement, derived from what it says: two clients behind a pooler that shares sessions can never run
// each other's SQL under one name, which counters silently allow. A name that is already there then means that the work is done.
import { sha256 } from "@noble/hashes/sha2"
import { utf8ToBytes } from "@noble/hashes/utils"

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/**
 * `pgfx_` and 22 characters: the first 132 bits of SHA-256 over text and declared types. Well below the 63 bytes of a name.
 * `parameterTypes` are the OIDs that Parse will declare, 0 where the server is to infer.
 */
export const statementName = (sql: string, parameterTypes: ReadonlyArray<number> = []): string => {
  const digest = sha256(utf8ToBytes(`${parameterTypes.join(",")}\u0000${sql}`))
  let name = "pgfx_"
  for (let i = 0; i < 22; i++) {
    const bit = i * 6
    const pair = ((digest[bit >> 3] ?? 0) << 8) | (digest[(bit >> 3) + 1] ?? 0)
    name += alphabet[(pair >> (10 - (bit & 7))) & 63]
  }
  return name
}
