import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  ByteWriter,
  copyPayloads,
  encodeCopyData,
  encodeFrontend,
  EncodeError,
  joinChunks,
  writeCopyData
} from "../../src/index.ts"
import { bytes } from "../arbitraries.ts"
import { backendIn, cutAt, cuts } from "../session.ts"

describe("CopyData", () => {
  it("payloads come out as they went in, whatever pieces the frames came in", () => {
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 6 }), cuts, (payloads, cuts) => {
        const decoder = backendIn("ready")
        const runs = cutAt(encodeCopyData(payloads).bytes, cuts).flatMap((piece) => decoder.push(piece))
        const out = runs.flatMap((run) =>
          run._tag === "CopyData" ? copyPayloads(run).map((payload) => payload.slice()) : []
        )
        expect(out).toEqual(payloads)
      })
    )
  })

  it("payloads are views of the run, not copies", () => {
    const run = encodeCopyData([Uint8Array.of(1, 2), Uint8Array.of(3)])
    for (const payload of copyPayloads(run)) expect(payload.buffer).toBe(run.bytes.buffer)
  })

  it("is written frame by frame", () => {
    const w = new ByteWriter()
    writeCopyData(w, Uint8Array.of(1, 2, 3))
    expect(joinChunks(w.take())).toEqual(Uint8Array.of(0x64, 0, 0, 0, 7, 1, 2, 3))
  })

  it("a run of other frames is neither written nor walked", () => {
    const run = { ...encodeCopyData([Uint8Array.of(1)]), bytes: Uint8Array.of(0x58, 0, 0, 0, 5, 1) }
    expect(() => encodeFrontend(run)).toThrow(EncodeError)
    expect(() => copyPayloads(run)).toThrow("a whole CopyData frame")
  })
})

describe("CopyFail", () => {
  it("with a reason the server would close the connection over is refused", () => {
    expect(encodeFrontend({ _tag: "CopyFail", reason: "x".repeat(9_995) })).toHaveLength(10_001)
    expect(() => encodeFrontend({ _tag: "CopyFail", reason: "x".repeat(9_996) })).toThrow(
      "10001 bytes, the limit is 10000"
    )
  })
})
