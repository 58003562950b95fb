// The data of the COPY scenarios, the same for everybody: lines of 100 bytes, 10,000 of them a megabyte. It holds no driver.
import type { eventOf } from "./rows.ts"

/** Lines of 100 bytes in 1 MB (10⁶ bytes). */
export const linesPerMegabyte = 10_000
/** Lines of one piece of what is copied in: 50 kB, about what a file is read by. */
const linesPerPiece = 500
const piecesPerMegabyte = linesPerMegabyte / linesPerPiece

/** In the target list, where it streams: in FROM the server would first write all of it to its disk. */
const lines = (megabytes: number): string =>
  `(SELECT 10000000 + generate_series(1, ${megabytes * linesPerMegabyte}), repeat('x', 90))`

export const copySql = {
  /** `to`: STDOUT or a file of the server's */
  out: (megabytes: number, to = "STDOUT"): string => `COPY ${lines(megabytes)} TO ${to}`,
  /** `from`: STDIN or a file of the server's */
  in: (from = "STDIN"): string => `COPY bench_line (id, line) FROM ${from}`,
  /** parsed by the server, and not stored: a gigabyte of it is about the client, and not about a disk */
  inDropped: (from = "STDIN"): string => `COPY bench_line (id, line) FROM ${from} WHERE id < 0`,
  truncate: "TRUNCATE bench_line",
  /** a checksum of what was stored */
  stored: "SELECT (count(*) + sum(id % 1000) + sum(length(line)))::float8 AS sum FROM bench_line",
  events: "COPY bench_event (id, kind, amount) FROM STDIN"
}

const piece = (): Buffer => {
  let text = ""
  for (let n = 1; n <= linesPerPiece; n++) text += `${10_000_000 + n}\t${"x".repeat(90)}\n`
  return Buffer.from(text)
}
const onePiece = piece()

/** What is copied in: the same piece again and again. */
export function* copyPieces(megabytes: number): Generator<Uint8Array> {
  for (let i = 0; i < megabytes * piecesPerMegabyte; i++) yield onePiece
}

/** Events as lines of the text format, for those who write them by hand: as fast as that is done. None of their values needs an escape. */
export function* eventLines(events: ReadonlyArray<ReturnType<typeof eventOf>>): Generator<Uint8Array> {
  for (let i = 0; i < events.length; i += linesPerPiece) {
    let text = ""
    for (const { amount, id, kind } of events.slice(i, i + linesPerPiece)) text += `${id}\t${kind}\t${amount}\n`
    yield Buffer.from(text)
  }
}

/** A checksum of all bytes in their order, however they are cut (FNV-1a). */
export class BytesChecksum {
  private hash = 0x811c9dc5
  private length = 0
  readonly add = (bytes: Uint8Array): void => {
    let { hash } = this
    for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
    this.hash = hash
    this.length += bytes.length
  }
  get value(): number {
    return (this.hash >>> 0) + this.length
  }
}

/** How much of a gigabyte is copied to see that it is right: the memory it takes is told of what comes after. */
export const verifiedMegabytes = 32
