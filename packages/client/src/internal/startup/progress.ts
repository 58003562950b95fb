// Where an attempt to connect stands, for the sentence of its time-out and of its failure. One object per attempt, never reused.

/** A noun phrase: "no answer during …". */
export type Stage =
  | "the look-up of the name"
  | "the network connection"
  | "the answer to SSLRequest"
  | "the TLS handshake"
  | "the reading of the password"
  | "authentication"
  | "the start of the session"
  | "the initial statements"
  | "the check of targetSessionAttrs"

export interface Progress {
  stage: Stage
  /** the certificate's chain is being checked: what fails then is no lack of TLS */
  verifying: boolean
}

export const newProgress = (stage: Stage): Progress => ({ stage, verifying: false })
