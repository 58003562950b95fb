// "COPY Operations": the three answers that begin one, its data in both directions, and its end. Streaming
// replication's CopyBoth carries opaque data here. Payloads of a run are views of the run's bytes; nothing is copied.
import type { CopyBothResponse, CopyData, CopyInResponse, CopyOutResponse, CopyResponse } from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import { ByteWriter, joinChunks } from "../ByteWriter.ts"
import { backendType, frameEnd, frontendType, lengthLimit } from "../Frame.ts"
import type { CopyDone, CopyFail } from "../FrontendMessage.ts"
import { ProtocolViolation } from "../ProtocolViolation.ts"
import { readFormats, writeFormats } from "./ExtendedQuery.ts"
import { writeRun } from "./Rows.ts"

// ---- the answer that begins one

type CopyResponseTag = "CopyInResponse" | "CopyOutResponse" | "CopyBothResponse"

/** Writes `CopyInResponse`, `CopyOutResponse` or `CopyBothResponse`. */
export const writeCopyResponse = (w: ByteWriter, tag: CopyResponseTag, response: CopyResponse): void => {
  w.beginMessage(backendType[tag], tag, lengthLimit.shortBackend)
  if (response.format !== 0 && response.format !== 1) w.fail("format", "only 0 and 1 exist")
  w.uint8(response.format)
  writeFormats(w, response.columnFormats, "columnFormats")
  w.endMessage()
}

const readCopyResponse = (r: ByteReader): CopyResponse => {
  const code = r.uint8("format")
  if (code !== 0 && code !== 1) return r.fail("format 0 or 1", `${code}`, 1)
  const columnFormats = readFormats(r, "columnFormats")
  r.finish()
  return { format: code, columnFormats }
}

/** Reads the body of `CopyInResponse`. */
export const readCopyInResponse = (r: ByteReader): CopyInResponse => ({
  _tag: "CopyInResponse",
  ...readCopyResponse(r)
})
/** Reads the body of `CopyOutResponse`. */
export const readCopyOutResponse = (r: ByteReader): CopyOutResponse => ({
  _tag: "CopyOutResponse",
  ...readCopyResponse(r)
})
/** Reads the body of `CopyBothResponse`. */
export const readCopyBothResponse = (r: ByteReader): CopyBothResponse => ({
  _tag: "CopyBothResponse",
  ...readCopyResponse(r)
})

// ---- data, the same in both directions

/** Writes one `CopyData` frame with `payload`. */
export const writeCopyData = (w: ByteWriter, payload: Uint8Array): void => {
  w.beginMessage(frontendType.CopyData, "CopyData")
  w.bytes(payload)
  w.endMessage()
}

/** Writes a run of `CopyData` frames. */
export const writeCopyRun = (w: ByteWriter, run: CopyData): void => writeRun(w, run, backendType.CopyData, "CopyData")

/** A run of `CopyData` frames, one per payload, as the decoder would hand it over. */
export const encodeCopyData = (payloads: ReadonlyArray<Uint8Array>): CopyData => {
  const w = new ByteWriter()
  for (const payload of payloads) writeCopyData(w, payload)
  const bytes = joinChunks(w.take())
  return { _tag: "CopyData", bytes, offset: 0, end: bytes.length, count: payloads.length, streamOffset: -1 }
}

/** The payload of each frame of a run, in order: views, not copies. */
export const copyPayloads = (run: CopyData): ReadonlyArray<Uint8Array> => {
  const payloads: Array<Uint8Array> = []
  let at = run.offset
  while (at < run.end) {
    const end = frameEnd(run.bytes, at, run.end, backendType.CopyData)
    if (end < 0) {
      const offset = run.streamOffset === undefined || run.streamOffset < 0 ? -1 : run.streamOffset + at - run.offset
      throw new ProtocolViolation({
        during: "CopyData",
        offset,
        expected: "a whole CopyData frame",
        received: "other bytes"
      })
    }
    payloads.push(run.bytes.subarray(at + 5, end))
    at = end
  }
  return payloads
}

// ---- its end

/** Writes `CopyDone`, the same in both directions. */
export const writeCopyDone = (w: ByteWriter): void => {
  w.beginMessage(frontendType.CopyDone, "CopyDone")
  w.endMessage()
}

/** Reads the body of `CopyDone`. */
export const readCopyDone = (r: ByteReader): CopyDone => {
  r.finish()
  return { _tag: "CopyDone" }
}

/** Writes `CopyFail`. The server closes the connection on a reason of more than 9,995 bytes: EncodeError. */
export const writeCopyFail = (w: ByteWriter, reason: string): void => {
  w.beginMessage(frontendType.CopyFail, "CopyFail", lengthLimit.smallFrontend)
  w.cString(reason, "reason")
  w.endMessage()
}

/** Reads the body of `CopyFail`. */
export const readCopyFail = (r: ByteReader): CopyFail => {
  const reason = r.cString("reason")
  r.finish()
  return { _tag: "CopyFail", reason }
}
