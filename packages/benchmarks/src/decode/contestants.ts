// What all decoders under measurement have in common: fresh input for every run, a look at everything they made, and a checksum of all of it for the
// run that no clock sees. Every reader hands what it made to a callback, so that nothing is left undone.
import type { Contestant } from "../compare.ts"

export type OnRow = (values: ReadonlyArray<unknown>) => void
export type OnMessage = (text: string) => void
export type Chunks = ReadonlyArray<Buffer>

// ---- what is counted

/** Order matters, and so does every character. 32 bits are enough to notice a decoder that is wrong. */
const mix = (hash: number, value: number): number => (Math.imul(hash, 31) + value) | 0

const hashText = (hash: number, text: string): number => {
  let mixed = mix(hash, text.length)
  for (let i = 0; i < text.length; i++) mixed = mix(mixed, text.charCodeAt(i))
  return mixed
}

export const hashValue = (hash: number, value: unknown): number => {
  if (value instanceof Uint8Array) return value.reduce(mix, mix(hash, value.length))
  if (value instanceof Date) return hashText(hash, String(value.getTime()))
  return hashText(hash, String(value))
}

/** Looks at the end of a value, so that it was made; of a string that an engine only noted down as a sum of others, too. */
const touch = (sum: number, value: unknown): number =>
  // 32 bits: a sum that becomes a heap number would be most of the work, and so would the NaN behind an empty string
  typeof value === "string" && value.length > 0 ? (sum + value.charCodeAt(value.length - 1)) | 0 : (sum + 1) | 0

/** Chunks of one contestant, written anew for every run, in memory that stays: freeing 30 MB would be charged to the next run. */
export class Input {
  readonly chunks: Chunks
  private readonly source: Chunks
  constructor(source: Chunks) {
    this.source = source
    this.chunks = source.map((chunk) => Buffer.from(new ArrayBuffer(chunk.length)))
  }
  readonly prepare = (): void => this.source.forEach((chunk, i) => this.chunks[i]?.set(chunk))
}

export const rowContestant = (
  name: string,
  does: string,
  source: Chunks,
  read: (chunks: Chunks, onRow: OnRow) => void
): Contestant => {
  const input = new Input(source)
  const answer = (checksum: (sum: number, values: ReadonlyArray<unknown>) => number) => {
    let units = 0
    let sum = 0
    read(input.chunks, (values) => {
      units++
      sum = checksum(sum, values)
    })
    return { units, checksum: sum }
  }
  return {
    name,
    does,
    prepare: input.prepare,
    run: () =>
      answer((before, values) => {
        let sum = before
        for (let i = 0; i < values.length; i++) sum = touch(sum, values[i])
        return sum
      }),
    verify: () => answer((sum, values) => values.reduce(hashValue, sum))
  }
}

export const messageContestant = (
  name: string,
  does: string,
  source: Chunks,
  read: (chunks: Chunks, onMessage: OnMessage) => void
): Contestant => {
  const input = new Input(source)
  const answer = (checksum: (sum: number, said: string) => number) => {
    let units = 0
    let sum = 0
    read(input.chunks, (said) => {
      units++
      sum = checksum(sum, said)
    })
    return { units, checksum: sum }
  }
  return { name, does, prepare: input.prepare, run: () => answer(touch), verify: () => answer(hashText) }
}

// ---- what the readers need to know

/** OID of `text`. */
export const text = 25

/** AuthenticationOk and ReadyForQuery: our decoder knows phases, and the captures begin after start-up. */
export const ready = Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49)
