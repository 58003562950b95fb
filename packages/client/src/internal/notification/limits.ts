// What a channel's name and a payload may be. PostgreSQL truncates a long name in LISTEN with no more than a NOTICE, and refuses it in
// pg_notify: a subscription that never hears anything. So both are judged here, before a byte is sent.
import { quoteIdentifier } from "../sql/template.ts"

/** NAMEDATALEN − 1 (pg_config_manual.h), bytes of UTF-8 */
const nameLimit = 63

/** NOTIFY_PAYLOAD_MAX_LENGTH (commands/async.c) counts the closing zero; bytes of UTF-8 */
const payloadLimit = 7_999

/** Half of a surrogate pair has no UTF-8: encoding it would make another text of it. */
const loneSurrogate = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/

const encoder = new TextEncoder()

/** What the server cannot take, or would take for something else; `undefined`: nothing is wrong with it. */
const issueOf = (text: string, limit: number): string | undefined => {
  if (text.includes("\0")) return "holds a zero character, which no text of PostgreSQL can"
  if (loneSurrogate.test(text)) return "holds half of a surrogate pair, which is no character"
  const { length } = encoder.encode(text)
  return length > limit ? `is ${length} bytes long, PostgreSQL takes at most ${limit}` : undefined
}

export const issueOfChannel = (name: string): string | undefined =>
  name === "" ? "is empty" : issueOf(name, nameLimit)

export const issueOfPayload = (payload: string): string | undefined => issueOf(payload, payloadLimit)

/** Quoted, so that case counts and no name is anything but a name. */
export const listenText = (channel: string): string => `LISTEN ${quoteIdentifier(channel)}`
export const unlistenText = (channel: string): string => `UNLISTEN ${quoteIdentifier(channel)}`
