export * from "./BackendMessage.ts"
export * from "./EncodeError.ts"
export * from "./FrontendMessage.ts"
export * from "./ProtocolViolation.ts"
