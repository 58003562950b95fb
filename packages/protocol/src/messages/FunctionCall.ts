// "Function Call": the retained fast-path interface. pgfx's client never speaks it (libpq's CVE-2026-6477 was its
// answer written past a buffer); it is here because a proxy or a test server meets it.
import type { FunctionCallResponse } from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import type { ByteWriter } from "../ByteWriter.ts"
import { backendType, frontendType } from "../Frame.ts"
import type { FunctionCall } from "../FrontendMessage.ts"
import { checkFormatCount, readFormats, readValues, reserveValues, writeFormats } from "./ExtendedQuery.ts"

/** Writes `FunctionCall`. */
export const writeFunctionCall = (w: ByteWriter, message: FunctionCall): void => {
  w.beginMessage(frontendType.FunctionCall, "FunctionCall")
  w.uint32(message.functionOid, "functionOid")
  checkFormatCount(w, message.argumentFormats.length, message.arguments.length, "argumentFormats")
  writeFormats(w, message.argumentFormats, "argumentFormats")
  w.beginValues(message.arguments.length, "arguments")
  reserveValues(w, message.arguments)
  for (let i = 0; i < message.arguments.length; i++) w.value(message.arguments[i]!, "argument", i + 1)
  w.endValues()
  w.int16(message.resultFormat, "resultFormat")
  w.endMessage()
}

/** Reads the body of `FunctionCall`. */
export const readFunctionCall = (r: ByteReader): FunctionCall => {
  const functionOid = r.uint32("functionOid")
  const argumentFormats = readFormats(r, "argumentFormats")
  const values = readValues(r, argumentFormats.length, "arguments")
  const resultFormat = r.format("resultFormat")
  r.finish()
  return { _tag: "FunctionCall", functionOid, argumentFormats, arguments: values, resultFormat }
}

/** Writes `FunctionCallResponse`. */
export const writeFunctionCallResponse = (w: ByteWriter, value: Uint8Array | null): void => {
  w.beginMessage(backendType.FunctionCallResponse, "FunctionCallResponse")
  w.value(value)
  w.endMessage()
}

/** Reads the body of `FunctionCallResponse`. */
export const readFunctionCallResponse = (r: ByteReader): FunctionCallResponse => {
  const value = r.value("result")
  r.finish()
  return { _tag: "FunctionCallResponse", value }
}
