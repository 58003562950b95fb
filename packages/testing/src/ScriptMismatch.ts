// What the client did and what the script says it does: both sides, and the conversation that led there. Made by Backend; it is the
// test's failure, never the program's.
import * as Data from "effect/Data"

interface Mismatch {
  /** what the script says comes next */
  readonly expected: string
  /** what came instead */
  readonly received: string
  /** which of the script's connections, from 1 */
  readonly connection: number
  /** the conversation so far, oldest first: `F` from the client, `B` from the script */
  readonly transcript: ReadonlyArray<string>
}

/** lines of conversation that a message shows */
const shownLines = 20

const told = (transcript: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (transcript.length === 0) return ["  so far    nothing was said"]
  const left = transcript.length - shownLines
  const lines = transcript.slice(-shownLines).map((line) => `    ${line}`)
  return ["  so far", ...(left > 0 ? [`    (${left} more before)`] : []), ...lines]
}

/**
 * The client and the script of a ScriptedBackend do not agree.
 *
 * It cuts the connection of the script, so that nothing waits for an answer that will not come: the client's requests fail with
 * `Broken`, and this error is at the end of their causes. Whatever the program makes of that, closing the transport's Scope dies with
 * this error.
 *
 * @since 0.1.0
 * @category errors
 */
export class ScriptMismatch extends Data.TaggedError("ScriptMismatch")<Mismatch & { readonly message: string }> {
  constructor(mismatch: Mismatch) {
    const { connection, expected, received, transcript } = mismatch
    const message = [
      `the client does not do what the script expects, on connection ${connection}`,
      `  expected  ${expected}`,
      `  received  ${received}`,
      ...told(transcript)
    ].join("\n")
    super({ ...mismatch, message })
  }
}
