export type { BackendDecoderOptions } from "./BackendGrammar.ts"
export * from "./BackendMessage.ts"
export * from "./ByteReader.ts"
export * from "./ByteWriter.ts"
export * from "./encode.ts"
export * from "./EncodeError.ts"
export * from "./Frame.ts"
export type { FrontendDecoderOptions } from "./FrontendGrammar.ts"
export * from "./FrontendMessage.ts"
export * from "./MessageDecoder.ts"
export * from "./messages/Authentication.ts"
export * from "./messages/Copy.ts"
export * from "./messages/ExtendedQuery.ts"
export * from "./messages/FunctionCall.ts"
export * from "./messages/Notification.ts"
export * from "./messages/Report.ts"
export * from "./messages/Rows.ts"
export * from "./messages/SimpleQuery.ts"
export * from "./messages/StartUp.ts"
export * from "./messages/Termination.ts"
export * from "./ProtocolViolation.ts"
export * from "./Transcript.ts"
export * from "./statementName.ts"
export * from "./Utf8.ts"
export {
  type EndPointHashName,
  tlsServerEndPoint,
  tlsServerEndPointHashName,
  type Unbindable
} from "./authentication/channelBinding.ts"
export * from "./authentication/Md5.ts"
export * from "./authentication/mechanism.ts"
export { DerivationAborted, pbkdf2Sha256 } from "./authentication/pbkdf2.ts"
export {
  type ChannelBinding,
  defaultScramLimits,
  type ScramClient,
  scramClient,
  type ScramDigests,
  type ScramMechanism,
  scramNonce,
  type ScramOptions
} from "./authentication/Scram.ts"
export * from "./authentication/ScramError.ts"
export type { ScramLimits } from "./authentication/scramMessages.ts"
export * from "./SqlState.ts"
export * from "./authentication/SaslPrep.ts"
