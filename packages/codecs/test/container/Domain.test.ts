import { expect, it } from "vitest"
import { domainOf } from "../../src/container/Domain.ts"
import { int4 } from "../../src/scalar/Integer.ts"
import { roundTrip } from "../wire.ts"

it("a domain is its base type under its own name; its constraints are the server's", () => {
  const positive = domainOf("public.positive", int4)
  roundTrip(positive, -5)
  expect(positive.name).toBe("public.positive")
  expect(positive.forms).toEqual(int4.forms)
})
