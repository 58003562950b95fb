// ⚡ Bytes as values: copies, and hexadecimal digits and back (bytea, uuid, macaddr).

const byteText: Array<string> = []
for (let i = 0; i < 256; i++) byteText.push(i.toString(16).padStart(2, "0"))

/** Lower-case digits of `bytes[offset, offset + length)`. */
export const hexOf = (bytes: Uint8Array, offset: number, length: number): string => {
  let text = ""
  for (let i = offset; i < offset + length; i++) text += byteText[bytes[i]!]!
  return text
}

/** Character codes of a byte's two digits. */
export const highDigit: Uint8Array = Uint8Array.from(byteText, (text) => text.charCodeAt(0))
export const lowDigit: Uint8Array = Uint8Array.from(byteText, (text) => text.charCodeAt(1))

/** The value of one digit, −1 for any other character. */
export const hexDigit = (unit: number): number => {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30
  const letter = unit | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The bytes that `text` from `start` spells, `undefined` if a character is no digit or one is left over. */
export const bytesOfHex = (text: string, start: number): Uint8Array | undefined => {
  const digits = text.length - start
  if (digits % 2 !== 0) return undefined
  const bytes = new Uint8Array(digits / 2)
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(start + i * 2))
    const low = hexDigit(text.charCodeAt(start + i * 2 + 1))
    if (high < 0 || low < 0) return undefined
    bytes[i] = high * 16 + low
  }
  return bytes
}

/** A plain Uint8Array of its own memory: `slice` of a Node Buffer would share the socket's, and a copy of one would be a Buffer. */
export const copyOf = (bytes: Uint8Array, offset: number, length: number): Uint8Array =>
  new Uint8Array(bytes.subarray(offset, offset + length))
