// "Termination": the one message that is not answered. The server closes the connection when it has read it.
import type { ByteReader } from "../ByteReader.ts"
import type { ByteWriter } from "../ByteWriter.ts"
import { frontendType, lengthLimit } from "../Frame.ts"
import type { Terminate } from "../FrontendMessage.ts"

/** Writes `Terminate`. */
export const writeTerminate = (w: ByteWriter): void => {
  w.beginMessage(frontendType.Terminate, "Terminate", lengthLimit.smallFrontend)
  w.endMessage()
}

/** Reads the body of `Terminate`. */
export const readTerminate = (r: ByteReader): Terminate => {
  r.finish()
  return { _tag: "Terminate" }
}
