// Any message as bytes: for scripted servers, proxies, transcripts and tests. The client's hot path calls the writers
// of messages/* directly.
import type { BackendMessage } from "./BackendMessage.ts"
import { ByteWriter, joinChunks } from "./ByteWriter.ts"
import type { FrontendMessage } from "./FrontendMessage.ts"
import {
  writeAuthentication,
  writeAuthenticationResponse,
  writePassword,
  writeSaslInitialResponse,
  writeSaslResponse
} from "./messages/Authentication.ts"
import { writeCopyDone, writeCopyFail, writeCopyResponse, writeCopyRun } from "./messages/Copy.ts"
import {
  writeBareAnswer,
  writeBind,
  writeClose,
  writeDescribe,
  writeExecute,
  writeFlush,
  writeParameterDescription,
  writeParse,
  writeSync
} from "./messages/ExtendedQuery.ts"
import { writeFunctionCall, writeFunctionCallResponse } from "./messages/FunctionCall.ts"
import { writeNotificationResponse, writeParameterStatus } from "./messages/Notification.ts"
import { writeErrorResponse, writeNoticeResponse } from "./messages/Report.ts"
import { writeRowDescription, writeRows } from "./messages/Rows.ts"
import {
  writeCommandComplete,
  writeEmptyQueryResponse,
  writeQuery,
  writeReadyForQuery
} from "./messages/SimpleQuery.ts"
import {
  writeBackendKeyData,
  writeCancelRequest,
  writeGssEncRequest,
  writeNegotiateProtocolVersion,
  writeSslRequest,
  writeStartupMessage
} from "./messages/StartUp.ts"
import { writeTerminate } from "./messages/Termination.ts"

/** Writes any message a client may send. On EncodeError nothing of it is left in the writer. */
export const writeFrontend = (w: ByteWriter, m: FrontendMessage): void => {
  switch (m._tag) {
    case "SSLRequest":
      return writeSslRequest(w)
    case "GSSENCRequest":
      return writeGssEncRequest(w)
    case "CancelRequest":
      return writeCancelRequest(w, m.processId, m.secretKey)
    case "StartupMessage":
      return writeStartupMessage(w, m.protocolVersion, m.parameters)
    case "PasswordMessage":
      return writePassword(w, m.password)
    case "SASLInitialResponse":
      return writeSaslInitialResponse(w, m.mechanism, m.data)
    case "SASLResponse":
      return writeSaslResponse(w, m.data)
    case "AuthenticationResponse":
      return writeAuthenticationResponse(w, m.data)
    case "Query":
      return writeQuery(w, m.sql)
    case "Parse":
      return writeParse(w, m.statement, m.sql, m.parameterTypes)
    case "Bind":
      return writeBind(w, m)
    case "Describe":
      return writeDescribe(w, m.target, m.name)
    case "Execute":
      return writeExecute(w, m.portal, m.maxRows)
    case "Close":
      return writeClose(w, m.target, m.name)
    case "Sync":
      return writeSync(w)
    case "Flush":
      return writeFlush(w)
    case "FunctionCall":
      return writeFunctionCall(w, m)
    case "CopyData":
      return writeCopyRun(w, m)
    case "CopyDone":
      return writeCopyDone(w)
    case "CopyFail":
      return writeCopyFail(w, m.reason)
    case "Terminate":
      return writeTerminate(w)
  }
}

/** Writes any message a server may send. On EncodeError nothing of it is left in the writer. */
export const writeBackend = (w: ByteWriter, m: BackendMessage): void => {
  switch (m._tag) {
    case "AuthenticationOk":
    case "AuthenticationCleartextPassword":
    case "AuthenticationMD5Password":
    case "AuthenticationSASL":
    case "AuthenticationSASLContinue":
    case "AuthenticationSASLFinal":
    case "AuthenticationUnsupported":
      return writeAuthentication(w, m)
    case "BackendKeyData":
      return writeBackendKeyData(w, m)
    case "NegotiateProtocolVersion":
      return writeNegotiateProtocolVersion(w, m)
    case "ParameterStatus":
      return writeParameterStatus(w, m)
    case "ReadyForQuery":
      return writeReadyForQuery(w, m.status)
    case "RowDescription":
      return writeRowDescription(w, m.columns)
    case "Rows":
      return writeRows(w, m)
    case "ParameterDescription":
      return writeParameterDescription(w, m.typeOids)
    case "ParseComplete":
    case "BindComplete":
    case "CloseComplete":
    case "NoData":
    case "PortalSuspended":
      return writeBareAnswer(w, m._tag)
    case "CommandComplete":
      return writeCommandComplete(w, m.tag)
    case "EmptyQueryResponse":
      return writeEmptyQueryResponse(w)
    case "FunctionCallResponse":
      return writeFunctionCallResponse(w, m.value)
    case "CopyInResponse":
    case "CopyOutResponse":
    case "CopyBothResponse":
      return writeCopyResponse(w, m._tag, m)
    case "CopyData":
      return writeCopyRun(w, m)
    case "CopyDone":
      return writeCopyDone(w)
    case "ErrorResponse":
      return writeErrorResponse(w, m.fields)
    case "NoticeResponse":
      return writeNoticeResponse(w, m.fields)
    case "NotificationResponse":
      return writeNotificationResponse(w, m)
  }
}

/** One frontend message as bytes of its own. Throws EncodeError. */
export const encodeFrontend = (message: FrontendMessage): Uint8Array => {
  const w = new ByteWriter({ chunkSize: ownChunk })
  writeFrontend(w, message)
  return joinChunks(w.take())
}

/** One backend message as bytes of its own. Throws EncodeError. */
export const encodeBackend = (message: BackendMessage): Uint8Array => {
  const w = new ByteWriter({ chunkSize: ownChunk })
  writeBackend(w, message)
  return joinChunks(w.take())
}

/** Most messages are small, and this chunk serves one message only. */
const ownChunk = 256
