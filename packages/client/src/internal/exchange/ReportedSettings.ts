// The settings of the session as the server tells them without being asked. Bounded, whatever it tells; and a session that stops speaking UTF-8
// is at its end. What a change means for the session is seen by SessionWatch.
import { ProtocolViolation } from "@pgfx/protocol"

/** A server may announce any number of settings; a hostile one is kept from filling the memory (case F-20). */
const maxSettings = 256

export class ReportedSettings {
  private readonly settings = new Map<string, string>()

  get values(): ReadonlyMap<string, string> {
    return this.settings
  }

  /** `during`: what is being answered, for the violation that this may throw. */
  report(name: string, value: string, during: string): void {
    if (name === "client_encoding") this.judgeEncoding(value, during)
    if (this.settings.size < maxSettings || this.settings.has(name)) this.settings.set(name, value)
  }

  /** Our decoders read UTF-8 and nothing else: a text in another encoding would be another text, and nobody would notice. */
  private judgeEncoding(encoding: string, during: string): void {
    // what a session begins with is the start-up's affair
    if (encoding === "UTF8" || this.settings.get("client_encoding") !== "UTF8") return
    const received = `client_encoding ${encoding}`
    throw new ProtocolViolation({ during, offset: -1, expected: "client_encoding UTF8", received })
  }
}
