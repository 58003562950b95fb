// The least recently used: held against a plain array that is searched and moved.
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Lru } from "../../src/internal/Lru.ts"

type Step =
  | readonly ["get" | "peek" | "set" | "delete", key: number]
  | readonly ["shrink", limit: number]
  | readonly ["clear"]

const key = fc.integer({ min: 0, max: 9 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constantFrom("get" as const, "peek" as const, "set" as const, "set" as const, "delete" as const), key),
  fc.tuple(fc.constant("shrink" as const), fc.integer({ min: 0, max: 6 })),
  fc.record({ 0: fc.constant("clear" as const) }).map((): Step => ["clear"])
)

const isEven = (value: number): boolean => value % 2 === 0

/** Oldest first. */
class Model {
  entries: Array<readonly [key: number, value: number]> = []
  find = (key: number): number | undefined => this.entries.find(([other]) => other === key)?.[1]
  remove = (key: number): void => {
    this.entries = this.entries.filter(([other]) => other !== key)
  }
  set = (key: number, value: number): void => {
    this.remove(key)
    this.entries.push([key, value])
  }
  get = (key: number): number | undefined => {
    const value = this.find(key)
    if (value !== undefined) this.set(key, value)
    return value
  }
  shrink = (limit: number): ReadonlyArray<number> => {
    const gone: Array<number> = []
    for (const [key, value] of this.entries) {
      if (this.entries.length - gone.length > limit && isEven(value)) gone.push(key)
    }
    gone.forEach(this.remove)
    return gone
  }
}

describe("Lru", () => {
  it("gives, keeps and forgets what an array that is searched would", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lru = new Lru<number, number>()
        const model = new Model()
        steps.forEach((step, at) => {
          if (step[0] === "set") {
            lru.set(step[1], at)
            model.set(step[1], at)
          } else if (step[0] === "get") assert.strictEqual(lru.get(step[1]), model.get(step[1]))
          else if (step[0] === "peek") assert.strictEqual(lru.peek(step[1]), model.find(step[1]))
          else if (step[0] === "delete") {
            lru.delete(step[1])
            model.remove(step[1])
          } else if (step[0] === "shrink") assert.deepStrictEqual(lru.shrink(step[1], isEven), model.shrink(step[1]))
          else {
            lru.clear()
            model.entries = []
          }
          assert.strictEqual(lru.size, model.entries.length)
        })
        const everything = model.entries.map(([key]) => key)
        assert.deepStrictEqual(
          lru.shrink(0, () => true),
          everything
        )
      })
    )
  })
})
