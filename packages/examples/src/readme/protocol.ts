import { encodeFrontend, makeBackendDecoder, ProtocolViolation, transcriptLine } from "@pgfx/protocol"

// what a client says …
export const hello = encodeFrontend({ _tag: "Query", sql: "SELECT 1" })

// … and what a server answers, in whatever pieces it arrives
const decoder = makeBackendDecoder({ maxMessageSize: 1024 * 1024 })
export const show = (chunk: Uint8Array): void => {
  try {
    for (const message of decoder.push(chunk)) console.log(transcriptLine("B", message))
  } catch (error) {
    if (error instanceof ProtocolViolation)
      console.log(`${error.during} at byte ${error.offset}: expected ${error.expected}`)
    else throw error
  }
}
