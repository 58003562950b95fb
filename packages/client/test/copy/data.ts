// Lines of a table (n int4, line text) as COPY's text format has them, and text out of pieces of bytes.
export const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The rows from `from` up to `to`. */
export const lines = (from: number, to: number): Uint8Array => {
  let text = ""
  for (let n = from; n < to; n++) text += `${n}\tline ${n}\n`
  return encode(text)
}

export const textOf = (pieces: Iterable<Uint8Array>): string => {
  let text = ""
  const decoder = new TextDecoder()
  for (const piece of pieces) text += decoder.decode(piece, { stream: true })
  return text + decoder.decode()
}
