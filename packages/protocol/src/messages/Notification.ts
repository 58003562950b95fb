// "Asynchronous Operations": what a server says between any two messages without being asked: notifications and
// changed parameters. (Notices are reports: Report.ts.)
import type { NotificationResponse, ParameterStatus } from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import type { ByteWriter } from "../ByteWriter.ts"
import { backendType, lengthLimit } from "../Frame.ts"

/** Writes `NotificationResponse`. */
export const writeNotificationResponse = (w: ByteWriter, message: NotificationResponse): void => {
  w.beginMessage(backendType.NotificationResponse, "NotificationResponse")
  w.int32(message.processId, "processId")
  w.cString(message.channel, "channel")
  w.cString(message.payload, "payload")
  w.endMessage()
}

/** Reads the body of `NotificationResponse`. Channel and payload are data: strictly UTF-8. */
export const readNotificationResponse = (r: ByteReader): NotificationResponse => {
  const processId = r.int32("processId")
  const channel = r.cString("channel")
  const payload = r.cString("payload")
  r.finish()
  return { _tag: "NotificationResponse", processId, channel, payload }
}

/** Writes `ParameterStatus`. */
export const writeParameterStatus = (w: ByteWriter, message: ParameterStatus): void => {
  w.beginMessage(backendType.ParameterStatus, "ParameterStatus", lengthLimit.shortBackend)
  w.cString(message.name, "name")
  w.cString(message.value, "value")
  w.endMessage()
}

/** Reads the body of `ParameterStatus`. */
export const readParameterStatus = (r: ByteReader): ParameterStatus => {
  const name = r.cString("name")
  const value = r.cString("value")
  r.finish()
  return { _tag: "ParameterStatus", name, value }
}
