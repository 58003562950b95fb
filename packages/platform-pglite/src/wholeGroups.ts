// How much of the bytes written so far may be given to PGlite: up to the last message that asks for an answer. A message that is cut,
// or an extended-protocol message without its Sync, would leave it in a state it does not come out of.

/** Query, Sync, Flush, FunctionCall, and the answers of an authentication: behind these the server says something. */
const asking = new Set([0x51, 0x53, 0x48, 0x46, 0x70])

/** Bytes that end with an asking message; 0 if there is none yet. `started`: the start-up packet, which has no type byte, is behind us. */
export const wholeGroups = (bytes: Uint8Array, started: boolean): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  let whole = 0
  if (!started) {
    if (bytes.length < 4 || view.getInt32(0) > bytes.length) return 0
    at = view.getInt32(0)
    whole = at
  }
  while (at + 5 <= bytes.length) {
    const end = at + 1 + view.getInt32(at + 1)
    if (end > bytes.length) break
    if (asking.has(bytes[at] ?? 0)) whole = end
    at = end
  }
  return whole
}
