// The short profile of the fuzzer; the long one is `npm run fuzz -- --seconds 3600 --seed 7`. PGFX_FUZZ_SEED chooses another seed here.
import { describe, expect, it } from "vitest"
import { ProtocolViolation } from "../src/index.ts"
import { makeCorpus } from "./fuzz/corpus.ts"
import { fuzz, FuzzFailure, longestCase, showReport } from "./fuzz/fuzz.ts"

const seed = Number(process.env.PGFX_FUZZ_SEED ?? 20261122)

describe("the decoders, cursors, SCRAM and SASLprep", () => {
  it("give values or the error of their contract, whatever comes", { timeout: 60_000 }, ({ task }) => {
    const report = fuzz({ seed, cases: 50_000 })
    process.stdout.write(`${task.name}: ${showReport(report)}\n`)
    expect(report.frames).toBeGreaterThan(100_000)
    // a fuzzer whose every input is refused at once, or none, proves little
    expect(report.violations / report.cases).toBeGreaterThan(0.2)
    expect(report.violations / report.cases).toBeLessThan(0.95)
    expect(report.slowest).toBeLessThanOrEqual(longestCase)
  })
})

describe("the fuzzer", () => {
  it("tries the same frames on the same seed, and others on another", () => {
    const { slowest: _, slowestCase: _which, ...one } = fuzz({ seed: 1, cases: 500 })
    expect(fuzz({ seed: 1, cases: 500 })).toMatchObject(one)
    expect(fuzz({ seed: 2, cases: 500 })).not.toMatchObject(one)
  })

  it("names seed and case of a failure, which alone fails again", () => {
    const failureOf = (work: () => unknown): FuzzFailure => {
      try {
        work()
      } catch (error) {
        if (error instanceof FuzzFailure) return error
        throw error
      }
      throw new Error("no failure")
    }
    // as if decoders threw something that is no ProtocolViolation
    Object.defineProperty(ProtocolViolation, Symbol.hasInstance, { value: () => false, configurable: true })
    try {
      const failure = failureOf(() => fuzz({ seed: 3, cases: 500 }))
      const index = Number(/--from (\d+)/.exec(failure.message)?.[1])
      expect(failure.message).toContain("seed 3")
      expect(failureOf(() => fuzz({ seed: 3, from: index, cases: 1 })).message).toBe(failure.message)
    } finally {
      Reflect.deleteProperty(ProtocolViolation, Symbol.hasInstance)
    }
  })

  it("has sessions of both sides, small and large", () => {
    const { large, small } = makeCorpus(1)
    for (const sessions of [small, large]) {
      expect(new Set(sessions.map(({ direction }) => direction))).toEqual(new Set(["F", "B"]))
      for (const { bytes, starts } of sessions) expect(starts.at(-1)).toBe(bytes.length)
    }
  })
})
