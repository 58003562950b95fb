// "Start-up", authentication: one type byte `R` for what the server asks, one type byte `p` for what the client
// answers. What an answer is can only be told by who knows the question. Which method is allowed, and whether the
// server proved itself, is decided in authentication/ and above.
import type { AuthenticationMessage, AuthenticationUnsupported } from "../BackendMessage.ts"
import type { ByteReader } from "../ByteReader.ts"
import type { ByteWriter } from "../ByteWriter.ts"
import { backendType, frontendType, lengthLimit } from "../Frame.ts"
import type { AuthenticationResponse, PasswordMessage, SaslInitialResponse, SaslResponse } from "../FrontendMessage.ts"

/** Codes of AuthenticationRequest. Source: `include/libpq/protocol.h`. */
export const authenticationCode = {
  Ok: 0,
  KerberosV5: 2,
  CleartextPassword: 3,
  MD5Password: 5,
  SCMCredential: 6,
  GSS: 7,
  GSSContinue: 8,
  SSPI: 9,
  SASL: 10,
  SASLContinue: 11,
  SASLFinal: 12
} as const

const code = authenticationCode

// ---- what the server asks

/** Writes any `Authentication…` message. */
export const writeAuthentication = (w: ByteWriter, message: AuthenticationMessage): void => {
  // servers put no limit on what they send, and neither does GSS; the decoder's is libpq's
  w.beginMessage(backendType.Authentication, message._tag)
  switch (message._tag) {
    case "AuthenticationOk":
      w.int32(code.Ok)
      break
    case "AuthenticationCleartextPassword":
      w.int32(code.CleartextPassword)
      break
    case "AuthenticationMD5Password":
      w.int32(code.MD5Password)
      if (message.salt.length !== 4) w.fail("salt", `${message.salt.length} bytes, not 4`)
      w.bytes(message.salt)
      break
    case "AuthenticationSASL":
      w.int32(code.SASL)
      writeMechanisms(w, message.mechanisms)
      break
    case "AuthenticationSASLContinue":
      w.int32(code.SASLContinue)
      w.bytes(message.data)
      break
    case "AuthenticationSASLFinal":
      w.int32(code.SASLFinal)
      w.bytes(message.data)
      break
    case "AuthenticationUnsupported":
      w.int32(message.code, "code")
      w.bytes(message.data)
      break
  }
  w.endMessage()
}

const writeMechanisms = (w: ByteWriter, mechanisms: ReadonlyArray<string>): void => {
  if (mechanisms.length === 0) w.fail("mechanisms", "none")
  for (const mechanism of mechanisms) {
    if (mechanism === "") w.fail("mechanisms", "an empty name ends the list")
    w.cString(mechanism, "mechanisms")
  }
  w.uint8(0)
}

/** Names, then an empty one. An empty or unended list is a violation, not "no mechanism in common" (lib/pq #914). */
const readMechanisms = (r: ByteReader): ReadonlyArray<string> => {
  const mechanisms: Array<string> = []
  for (;;) {
    const mechanism = r.cString("mechanism, or an empty one at the end")
    if (mechanism === "") break
    mechanisms.push(mechanism)
  }
  if (mechanisms.length === 0) r.fail("at least one mechanism", "an empty list", 1)
  return mechanisms
}

const unsupported = (number: number): AuthenticationUnsupported["method"] => {
  switch (number) {
    case code.KerberosV5:
      return "KerberosV5"
    case code.SCMCredential:
      return "SCMCredential"
    case code.GSS:
      return "GSS"
    case code.GSSContinue:
      return "GSSContinue"
    case code.SSPI:
      return "SSPI"
    default:
      return "unknown"
  }
}

/** Reads the body of any `Authentication…` message. */
export const readAuthentication = (r: ByteReader): AuthenticationMessage => {
  const number = r.int32("code of the method")
  const message = readByCode(r, number)
  r.finish()
  return message
}

const readByCode = (r: ByteReader, number: number): AuthenticationMessage => {
  switch (number) {
    case code.Ok:
      return { _tag: "AuthenticationOk" }
    case code.CleartextPassword:
      return { _tag: "AuthenticationCleartextPassword" }
    case code.MD5Password:
      return { _tag: "AuthenticationMD5Password", salt: r.take(4, "salt") }
    case code.SASL:
      return { _tag: "AuthenticationSASL", mechanisms: readMechanisms(r) }
    case code.SASLContinue:
      return { _tag: "AuthenticationSASLContinue", data: r.rest() }
    case code.SASLFinal:
      return { _tag: "AuthenticationSASLFinal", data: r.rest() }
    case code.KerberosV5:
    case code.SCMCredential:
    case code.GSS:
    case code.SSPI:
      // nothing follows these codes; `finish` says so
      return { _tag: "AuthenticationUnsupported", code: number, method: unsupported(number), data: r.take(0, "data") }
    default:
      return { _tag: "AuthenticationUnsupported", code: number, method: unsupported(number), data: r.rest() }
  }
}

// ---- what the client answers

/** Which of the messages that share the type byte `p` is expected. */
export type ExpectedAuthentication = "PasswordMessage" | "SASLInitialResponse" | "SASLResponse"

/** What the next `p` frame answers once the server has said `message`; `undefined` if the message asks for nothing that is known here. */
export const expectedAnswer = (message: { readonly _tag: string }): ExpectedAuthentication | undefined => {
  switch (message._tag) {
    case "AuthenticationCleartextPassword":
    case "AuthenticationMD5Password":
      return "PasswordMessage"
    case "AuthenticationSASL":
      return "SASLInitialResponse"
    case "AuthenticationSASLContinue":
      return "SASLResponse"
    default:
      return undefined
  }
}

const begin = (w: ByteWriter, name: string): void =>
  w.beginMessage(frontendType.AuthenticationResponse, name, lengthLimit.authenticationResponse)

/** Writes `PasswordMessage`: a password, or its MD5 digest. */
export const writePassword = (w: ByteWriter, password: string): void => {
  begin(w, "PasswordMessage")
  w.cString(password, "password")
  w.endMessage()
}

/** Writes `SASLInitialResponse`; `data` null is "no initial response", length −1. */
export const writeSaslInitialResponse = (w: ByteWriter, mechanism: string, data: Uint8Array | null): void => {
  begin(w, "SASLInitialResponse")
  w.cString(mechanism, "mechanism")
  w.value(data, "data")
  w.endMessage()
}

/** Writes `SASLResponse`. */
export const writeSaslResponse = (w: ByteWriter, data: Uint8Array): void => {
  begin(w, "SASLResponse")
  w.bytes(data)
  w.endMessage()
}

/** Writes a `p` frame as it is: for proxies, which need not know what it answers. */
export const writeAuthenticationResponse = (w: ByteWriter, data: Uint8Array): void => {
  begin(w, "AuthenticationResponse")
  w.bytes(data)
  w.endMessage()
}

/** Reads the body of a `p` frame as the message that was asked for, or as raw data if that is not known. */
export const readAuthenticationResponse = (
  r: ByteReader,
  expected: ExpectedAuthentication | undefined
): PasswordMessage | SaslInitialResponse | SaslResponse | AuthenticationResponse => {
  switch (expected) {
    case undefined:
      return { _tag: "AuthenticationResponse", data: r.rest() }
    case "PasswordMessage": {
      const password = r.cString("password")
      r.finish()
      return { _tag: "PasswordMessage", password }
    }
    case "SASLInitialResponse": {
      const mechanism = r.cString("mechanism")
      const data = r.value("data")
      r.finish()
      return { _tag: "SASLInitialResponse", mechanism, data }
    }
    case "SASLResponse":
      return { _tag: "SASLResponse", data: r.rest() }
  }
}
