// Two ways to one key, against Node's own; and what a derivation may not do to the rest of the program.
import { pbkdf2Sync } from "node:crypto"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { readFile } from "node:fs/promises"
import * as fc from "fast-check"
import { afterEach, describe, expect, it, vi } from "vitest"
import { DerivationAborted, pbkdf2Sha256, pbkdf2Sha256Sliced } from "../../src/authentication/pbkdf2.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

afterEach(() => {
  vi.unstubAllGlobals()
})

describe("the key", () => {
  it("is RFC 7914's for its two vectors of PBKDF2-HMAC-SHA-256 (first 32 of their 64 bytes)", async () => {
    for (const derive of [pbkdf2Sha256, pbkdf2Sha256Sliced]) {
      expect(hex(await derive(bytes("passwd"), bytes("salt"), 1))).toBe(
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
      )
      expect(hex(await derive(bytes("Password"), bytes("NaCl"), 80_000))).toBe(
        "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
      )
    }
  })

  it("is the same from WebCrypto, from plain JavaScript and from Node, empty password and salt included", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 150 }),
        fc.uint8Array({ maxLength: 80 }),
        fc.integer({ min: 1, max: 50 }),
        async (password, salt, iterations) => {
          const expected = pbkdf2Sync(password, salt, iterations, 32, "sha256").toString("hex")
          expect(hex(await pbkdf2Sha256(password, salt, iterations))).toBe(expected)
          expect(hex(await pbkdf2Sha256Sliced(password, salt, iterations))).toBe(expected)
        }
      ),
      { numRuns: 60 }
    )
    expect(hex(await pbkdf2Sha256(new Uint8Array(0), bytes("salt"), 2))).toBe(
      pbkdf2Sync("", "salt", 2, 32, "sha256").toString("hex")
    )
  })

  it("is the same across the slices' borders", async () => {
    for (const iterations of [1023, 1024, 1025, 2048, 2049]) {
      expect(hex(await pbkdf2Sha256Sliced(bytes("p"), bytes("s"), iterations))).toBe(
        pbkdf2Sync("p", "s", iterations, 32, "sha256").toString("hex")
      )
    }
  })

  it("is the same where WebCrypto is missing, has no subtle, or refuses", async () => {
    const expected = hex(await pbkdf2Sha256(bytes("pencil"), bytes("salt"), 4096))
    const refusing = { importKey: () => Promise.reject(new DOMException("no empty key", "DataError")) }
    for (const crypto of [undefined, {}, { subtle: refusing }]) {
      vi.stubGlobal("crypto", crypto)
      expect(hex(await pbkdf2Sha256(bytes("pencil"), bytes("salt"), 4096))).toBe(expected)
    }
  })

  it("comes from WebCrypto where there is one, and leaves password and salt as they were", async () => {
    const derive = vi.spyOn(globalThis.crypto.subtle, "deriveBits")
    const password = bytes("pencil")
    const salt = bytes("salt")
    await pbkdf2Sha256(password, salt, 10)
    expect(derive).toHaveBeenCalledOnce()
    expect([...password, ...salt]).toEqual([...bytes("pencil"), ...bytes("salt")])
    derive.mockRestore()
  })

  it("is refused for iteration counts that are none", async () => {
    for (const iterations of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(pbkdf2Sha256(bytes("p"), bytes("s"), iterations)).rejects.toThrow(RangeError)
      await expect(pbkdf2Sha256Sliced(bytes("p"), bytes("s"), iterations)).rejects.toThrow(RangeError)
    }
  })
})

describe("the rest of the program goes on (A-8)", () => {
  // A busy machine can be late all by itself: three tries.
  it(
    "during 32 derivations of 100,000 iterations: event loop below 20 ms at the 99th percentile, files still read",
    { retry: 2 },
    async () => {
      const delay = monitorEventLoopDelay({ resolution: 1 })
      const state = { done: false }
      let reads = 0
      delay.enable()
      const reading = (async () => {
        while (!state.done) {
          await readFile(new URL(import.meta.url))
          reads++
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })()
      await Promise.all(Array.from({ length: 32 }, () => pbkdf2Sha256(bytes("pencil"), bytes("salt"), 100_000)))
      state.done = true
      await reading
      delay.disable()
      expect(delay.percentile(99) / 1e6).toBeLessThan(20)
      expect(reads).toBeGreaterThan(5)
    }
  )

  it("also without WebCrypto: other work gets its turn many times", async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await pbkdf2Sha256Sliced(bytes("pencil"), bytes("salt"), 30_000)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(10)
  })
})

describe("giving up", () => {
  it("rejects at once if the signal has fired already", async () => {
    await expect(pbkdf2Sha256(bytes("p"), bytes("s"), 10, AbortSignal.abort())).rejects.toThrow(DerivationAborted)
  })

  it("leaves the line at once, and the others in line still get their keys", async () => {
    const order: Array<string> = []
    const note = (name: string) => () => void order.push(name)
    const abort = new AbortController()
    const first = Array.from({ length: 2 }, () => pbkdf2Sha256(bytes("p"), bytes("s"), 100_000).then(note("first")))
    const quitter = pbkdf2Sha256(bytes("p"), bytes("s"), 100_000, abort.signal).catch((error: unknown) => {
      expect(error).toBeInstanceOf(DerivationAborted)
      order.push("gave up")
    })
    const last = pbkdf2Sha256(bytes("p"), bytes("s"), 1).then(note("last"))
    await Promise.resolve()
    abort.abort()
    await Promise.all([...first, quitter, last])
    expect(order[0]).toBe("gave up")
    // the last one starts as soon as one of the first two has ended, and may overtake the other
    expect(order.slice(1).sort()).toEqual(["first", "first", "last"])
    expect(await pbkdf2Sha256(bytes("p"), bytes("s"), 1)).toHaveLength(32)
  })

  it("ends a derivation in plain JavaScript between two slices", async () => {
    const abort = new AbortController()
    const before = performance.now()
    const derivation = pbkdf2Sha256Sliced(bytes("p"), bytes("s"), 50_000_000, abort.signal)
    setTimeout(() => abort.abort(), 20)
    await expect(derivation).rejects.toThrow(DerivationAborted)
    expect(performance.now() - before).toBeLessThan(2000)
  })
})
