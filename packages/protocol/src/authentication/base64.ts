// Base64 as SCRAM uses it (RFC 4648 §4): one encoding per byte string, nothing else is accepted. `atob` will not do: it skips
// white space, forgives missing padding and ignores stray bits, and a peer's tolerance here is an attacker's room.
// The bytes handed out are fresh; the caller owns them.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/** Base64 text of the bytes, padded, without line breaks. */
export const encodeBase64 = (bytes: Uint8Array): string => {
  let text = ""
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const word = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    text += alphabet.charAt(word >> 18) + alphabet.charAt((word >> 12) & 63)
    text += left > 1 ? alphabet.charAt((word >> 6) & 63) : "="
    text += left > 2 ? alphabet.charAt(word & 63) : "="
  }
  return text
}

/**
 * The bytes of canonical base64 text: right length, right padding, no stray bits, no other character. `undefined` for anything
 * else. The empty text is the empty byte string.
 */
export const decodeBase64 = (text: string): Uint8Array | undefined => {
  if (text.length % 4 !== 0) return undefined
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0
  const characters = text.length - padding
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  let word = 0
  let bits = 0
  let written = 0
  for (let i = 0; i < characters; i++) {
    const value = alphabet.indexOf(text.charAt(i))
    if (value < 0) return undefined
    word = ((word << 6) | value) & 0xfff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[written++] = (word >> bits) & 0xff
    }
  }
  return (word & ((1 << bits) - 1)) === 0 ? bytes : undefined
}
