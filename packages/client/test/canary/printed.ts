// Every way in which a program may print a value: text, JSON, Node's inspect to the last property, Effect's causes; of an error the same of all
// that it says it was caused by.
import { inspect } from "node:util"
import * as Cause from "effect/Cause"

/** Long enough for whatever a cause is wrapped in; a circle of causes ends here. */
const mostCauses = 20

/** An error and what caused it, the parts of an AggregateError included. */
export const chainOf = (value: unknown): ReadonlyArray<unknown> => {
  const chain: Array<unknown> = []
  for (let next = value; next !== undefined && next !== null && chain.length < mostCauses;) {
    chain.push(next)
    if (next instanceof AggregateError) chain.push(...next.errors.flatMap((error) => chainOf(error)))
    next = next instanceof Error ? next.cause : undefined
  }
  return chain
}

export const jsonOf = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? ""
  } catch {
    return "" // circular, or a bigint: cannot be printed this way
  }
}

export const inspected = (value: unknown): string =>
  inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxArrayLength: null, maxStringLength: null })

/** Whatever way a program may print it. */
export const printed = (value: unknown): string =>
  chainOf(value)
    .flatMap((one) => [
      String(one),
      jsonOf(one),
      inspected(one),
      Cause.pretty(Cause.fail(one), { renderErrorCause: true }),
      ...(one instanceof Error
        ? [one.message, one.stack ?? "", jsonOf("details" in one ? one.details : undefined)]
        : [])
    ])
    .join("\n")
