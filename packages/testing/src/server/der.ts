// Writes DER (X.690), as much of it as certificates need. It reads nothing and knows nothing of certificates.
// Every function returns a whole element: tag, length, content.

/** One element. `tag` is the identifier octet; contents are concatenated in the order given. */
export const element = (tag: number, ...contents: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(contents)
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const hex = content.length.toString(16)
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex")
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content])
}

export const sequence = (...contents: ReadonlyArray<Uint8Array>): Buffer => element(0x30, ...contents)
export const set = (...contents: ReadonlyArray<Uint8Array>): Buffer => element(0x31, ...contents)
export const octetString = (content: Uint8Array): Buffer => element(0x04, content)
/** All bits of `content`; `unused` of the last octet's are padding. */
export const bitString = (content: Uint8Array, unused = 0): Buffer => element(0x03, Buffer.from([unused]), content)
export const boolean = (value: boolean): Buffer => element(0x01, Buffer.from([value ? 0xff : 0]))
export const nothing = element(0x05)
export const utf8String = (text: string): Buffer => element(0x0c, Buffer.from(text, "utf8"))
/** `[number]` around whole elements (explicit), or in place of a constructed element's tag (implicit). */
export const context = (number: number, ...contents: ReadonlyArray<Uint8Array>): Buffer =>
  element(0xa0 | number, ...contents)
/** `[number]` in place of a primitive element's tag. */
export const contextPrimitive = (number: number, content: Uint8Array): Buffer => element(0x80 | number, content)

/** A non-negative integer, from a number or from big-endian bytes. */
export const integer = (value: number | Uint8Array): Buffer => {
  let bytes = typeof value === "number" ? Buffer.from(value.toString(16).padStart(8, "0"), "hex") : Buffer.from(value)
  while (bytes.length > 1 && bytes[0] === 0) bytes = bytes.subarray(1)
  const negative = ((bytes[0] ?? 0) & 0x80) !== 0
  return element(0x02, negative ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
}

/** An object identifier in dotted form. */
export const objectIdentifier = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...others] = dotted.split(".").map(Number)
  const octets = [first * 40 + second, ...others].flatMap((arc) => {
    const septets = [arc & 0x7f]
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) septets.unshift((rest & 0x7f) | 0x80)
    return septets
  })
  return element(0x06, Buffer.from(octets))
}

/** A moment, to the second: UTCTime until 2049 and GeneralizedTime after it, as RFC 5280 4.1.2.5 demands. */
export const time = (moment: Date): Buffer => {
  const digits = `${moment.toISOString().replace(/\D/g, "").slice(0, 14)}Z`
  const year = moment.getUTCFullYear()
  const short = year >= 1950 && year < 2050
  return short ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits))
}
