// The secrets of connections and queries: what proves a password, the keys of sessions, the values of parameters. Kept from watch.ts, because it
// needs the whole client, and many a test does not.
import { ByteWriter } from "@pgfx/protocol"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { Dispatcher } from "../../src/internal/exchange/Dispatcher.ts"
import { StartUp } from "../../src/internal/exchange/startUp.ts"
import { ParameterPlan } from "../../src/internal/parameters/ParameterPlan.ts"
import { parameters, secrets } from "./watch.ts"

/** Our side of an authentication: SCRAM's proof, or the password itself, or its hash. */
const learnAnswer = (frame: Uint8Array): void => {
  if (frame[0] !== 0x70) return
  const text = Buffer.from(frame.subarray(5)).toString("utf8").replaceAll("\0", "")
  const proof = /,p=([A-Za-z0-9+/=]+)$/.exec(text)?.[1]
  if (proof !== undefined) secrets.addText("a SCRAM proof", proof)
  else if (!text.startsWith("SCRAM")) secrets.add("the answer to a demand for a password", text)
}

const watchStartUps = (): void => {
  const { receive } = StartUp.prototype
  StartUp.prototype.receive = function (message) {
    if (message._tag === "BackendKeyData") secrets.add("a cancel key", message.secretKey.slice())
    if (message._tag === "AuthenticationSASLFinal") {
      const signature = /v=([A-Za-z0-9+/=]+)/.exec(Buffer.from(message.data).toString("latin1"))?.[1]
      if (signature !== undefined) secrets.addText("a server's SCRAM signature", signature)
    }
    return receive.call(this, message)
  }
  const { submit } = Dispatcher.prototype
  Dispatcher.prototype.submit = function (exchange) {
    submit.call(this, exchange)
    if (!(exchange instanceof StartUp)) return
    const { reply } = exchange
    // not encoded twice: the first word of SCRAM is said once
    exchange.reply = (encode) => {
      const own = new ByteWriter()
      encode(own)
      const frames = own.take().map((bytes) => bytes.slice())
      frames.forEach(learnAnswer)
      reply((writer) => frames.forEach((frame) => writer.bytes(frame)))
    }
  }
}

/** Shorter values are words of every other sentence. */
const shortestValue = 12

const learnValue = (value: unknown, depth = 0): void => {
  if (typeof value === "string" && value.length >= shortestValue) parameters.add("a parameter", value)
  else if (value instanceof Uint8Array && value.length >= shortestValue) parameters.add("a parameter", value)
  else if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && depth < 3) {
    for (const member of Object.values(value).slice(0, 20)) learnValue(member, depth + 1)
  }
}

const watchParameters = (): void => {
  const { encode } = ParameterPlan.prototype
  ParameterPlan.prototype.encode = function (args) {
    learnValue(args)
    const encoded = encode.call(this, args)
    if (!Either.isEither(encoded)) return Effect.tap(encoded, (values) => learnValue(values))
    if (Either.isRight(encoded)) learnValue(encoded.right)
    return encoded
  }
}

/** Once per test file, before anything of it runs. */
export const installEngine = (): void => {
  watchStartUps()
  watchParameters()
}
