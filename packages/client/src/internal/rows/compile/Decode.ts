// ⚡ What a compiled Schema is: a function from an encoded value to a value, or `refused`. It may refuse what it does not understand, because
// whatever is refused is decoded again by `ParseResult`, which has the last word and writes the issue; what it answers must be ParseResult's
// answer. A value and not an exception, because unions try their members one after the other.

export const refused: unique symbol = Symbol("refused")

/**
 * Thrown where only an Effect could tell: a later member of a union must not win because an earlier one is asynchronous. Costs what an
 * exception costs, once: a reader that meets it goes on without compiled Schemas.
 */
export const unsure: unique symbol = Symbol("unsure")

export type Decode = (value: unknown) => unknown

/** Any value, unchanged. Known by identity: whoever meets it need not call it. */
export const identity: Decode = (value) => value
