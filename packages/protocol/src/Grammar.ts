// What MessageDecoder must know of one direction of the protocol: how long a frame is, judged by its header alone,
// and what it says. One grammar serves one stream of bytes: it remembers in which phase the conversation is.

/**
 * The frames of one direction. Offsets named `streamOffset` count from the stream's first byte and serve errors only.
 */
export interface Grammar<M> {
  /** How many bytes `judge` needs now. */
  readonly headerSize: number
  /**
   * The size in bytes, header included, of the frame whose header is at `bytes[at]`. Throws ProtocolViolation if such
   * a frame is not legal now. Changes nothing.
   */
  readonly judge: (bytes: Uint8Array, at: number, streamOffset: number) => number
  /**
   * Reads the whole frames of `bytes[start, end)` into `out` and returns where the first incomplete one begins; its
   * header, if it is there, was judged. On ProtocolViolation `out` holds what came before it.
   */
  readonly scan: (bytes: Uint8Array, start: number, end: number, streamOffset: number, out: Array<M>) => number
}
