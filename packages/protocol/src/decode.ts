// A frame's body as a message, by its type byte. The frame was judged before (Frame.ts), so every type here is a
// known one; DataRow and CopyData never come here, as the decoder hands them over in runs.
import type { BackendMessage } from "./BackendMessage.ts"
import type { ByteReader } from "./ByteReader.ts"
import { backendType as b, frontendType as f, showByte } from "./Frame.ts"
import type { FrontendMessage } from "./FrontendMessage.ts"
import {
  readAuthentication,
  readAuthenticationResponse,
  type ExpectedAuthentication
} from "./messages/Authentication.ts"
import {
  readCopyBothResponse,
  readCopyDone,
  readCopyFail,
  readCopyInResponse,
  readCopyOutResponse
} from "./messages/Copy.ts"
import {
  readBind,
  readBindComplete,
  readClose,
  readCloseComplete,
  readDescribe,
  readExecute,
  readFlush,
  readNoData,
  readParameterDescription,
  readParse,
  readParseComplete,
  readPortalSuspended,
  readSync
} from "./messages/ExtendedQuery.ts"
import { readFunctionCall, readFunctionCallResponse } from "./messages/FunctionCall.ts"
import { readNotificationResponse, readParameterStatus } from "./messages/Notification.ts"
import { readErrorResponse, readNoticeResponse } from "./messages/Report.ts"
import { readRowDescription } from "./messages/Rows.ts"
import { readCommandComplete, readEmptyQueryResponse, readQuery, readReadyForQuery } from "./messages/SimpleQuery.ts"
import { readBackendKeyData, readNegotiateProtocolVersion } from "./messages/StartUp.ts"
import { readTerminate } from "./messages/Termination.ts"

/**
 * Reads a backend message's body. `protocolVersion` is what the client asked for, or what was settled on since;
 * `undefined` if not known.
 */
export const readBackend = (type: number, r: ByteReader, protocolVersion: number | undefined): BackendMessage => {
  switch (type) {
    case b.ReadyForQuery:
      return readReadyForQuery(r)
    case b.CommandComplete:
      return readCommandComplete(r)
    case b.BindComplete:
      return readBindComplete(r)
    case b.ParseComplete:
      return readParseComplete(r)
    case b.RowDescription:
      return readRowDescription(r)
    case b.ParameterDescription:
      return readParameterDescription(r)
    case b.NoData:
      return readNoData(r)
    case b.CloseComplete:
      return readCloseComplete(r)
    case b.PortalSuspended:
      return readPortalSuspended(r)
    case b.EmptyQueryResponse:
      return readEmptyQueryResponse(r)
    case b.ErrorResponse:
      return readErrorResponse(r)
    case b.NoticeResponse:
      return readNoticeResponse(r)
    case b.NotificationResponse:
      return readNotificationResponse(r)
    case b.ParameterStatus:
      return readParameterStatus(r)
    case b.Authentication:
      return readAuthentication(r)
    case b.BackendKeyData:
      return readBackendKeyData(r, protocolVersion)
    case b.NegotiateProtocolVersion:
      return readNegotiateProtocolVersion(r, protocolVersion)
    case b.CopyInResponse:
      return readCopyInResponse(r)
    case b.CopyOutResponse:
      return readCopyOutResponse(r)
    case b.CopyBothResponse:
      return readCopyBothResponse(r)
    case b.CopyDone:
      return readCopyDone(r)
    case b.FunctionCallResponse:
      return readFunctionCallResponse(r)
    default:
      return r.fail("a message a server sends", showByte(type))
  }
}

/** Reads a typed frontend message's body. `expected` says what a `p` frame answers, if known. */
export const readFrontend = (
  type: number,
  r: ByteReader,
  expected: ExpectedAuthentication | undefined
): FrontendMessage => {
  switch (type) {
    case f.Bind:
      return readBind(r)
    case f.Execute:
      return readExecute(r)
    case f.Sync:
      return readSync(r)
    case f.Parse:
      return readParse(r)
    case f.Describe:
      return readDescribe(r)
    case f.Close:
      return readClose(r)
    case f.Flush:
      return readFlush(r)
    case f.Query:
      return readQuery(r)
    case f.FunctionCall:
      return readFunctionCall(r)
    case f.CopyDone:
      return readCopyDone(r)
    case f.CopyFail:
      return readCopyFail(r)
    case f.Terminate:
      return readTerminate(r)
    case f.AuthenticationResponse:
      return readAuthenticationResponse(r, expected)
    default:
      return r.fail("a message a client sends", showByte(type))
  }
}
