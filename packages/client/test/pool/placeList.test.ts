import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { Line } from "../../src/internal/lease.ts"
import { Place } from "../../src/internal/pool/Place.ts"
import { PlaceList } from "../../src/internal/pool/PlaceList.ts"

const keeper = { left: (): void => undefined }
const waiter = {
  fiber: undefined,
  statement: undefined,
  site: undefined,
  granted: () => undefined,
  refused: () => undefined
}

const placeOf = (order: number): Place<Line> => new Place(keeper, { order, since: 0, waiter, proof: undefined })

const contents = (list: PlaceList<Line>): ReadonlyArray<Place<Line>> => {
  const found: Array<Place<Line>> = []
  for (let place = list.head; place !== undefined; place = place.next) found.push(place)
  return found
}

describe("a list of places", () => {
  it("is in the order of arrival by insertion, in that of its calls by appending, and whoever leaves points at nobody", () => {
    const step = fc.record({ leaves: fc.boolean(), at: fc.nat(), order: fc.nat(20) })
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 40 }), (inOrder, steps) => {
        const list = new PlaceList<Line>()
        const model: Array<Place<Line>> = []
        for (const { at, leaves, order } of steps) {
          const [gone] = leaves ? model.splice(at % Math.max(1, model.length), 1) : []
          if (gone !== undefined) {
            list.remove(gone)
            assert.deepStrictEqual([gone.previous, gone.next, gone.list], [undefined, undefined, undefined])
          } else if (!leaves) {
            const place = placeOf(order)
            if (inOrder) list.insert(place)
            else list.append(place)
            const behind = inOrder ? model.findIndex((other) => other.order > order) : -1
            model.splice(behind === -1 ? model.length : behind, 0, place)
          }
          const found = contents(list)
          assert.strictEqual(found.length, model.length)
          assert.isTrue(found.every((place, i) => place === model[i] && place.list === list))
          assert.strictEqual(list.size, model.length)
        }
      })
    )
  })
})
