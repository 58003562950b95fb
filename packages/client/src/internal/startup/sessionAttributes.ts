// Will this server do? `targetSessionAttrs` against what the session says of itself: reported settings from 14 on, a question before.
// Source: CONNECTION_CHECK_TARGET in fe-connect.c.
import * as Effect from "effect/Effect"
import type { PostgresError } from "../../PostgresError.ts"
import type { TargetSessionAttrs } from "../../Settings.ts"
import type { Dispatcher } from "../exchange/Dispatcher.ts"
import { ask } from "./ask.ts"

/** `prefer-standby` is two rounds: `standby`, then `any`. */
export type Requirement = Exclude<TargetSessionAttrs, "prefer-standby">

export const rounds = (wanted: TargetSessionAttrs): ReadonlyArray<Requirement> =>
  wanted === "prefer-standby" ? ["standby", "any"] : [wanted]

const isOn = (dispatcher: Dispatcher, name: string): boolean | undefined => {
  const value = dispatcher.parameters.get(name)
  return value === undefined ? undefined : value === "on"
}

const isReadOnly = (dispatcher: Dispatcher): Effect.Effect<boolean, PostgresError> => {
  const standby = isOn(dispatcher, "in_hot_standby")
  const byDefault = isOn(dispatcher, "default_transaction_read_only")
  return standby === undefined || byDefault === undefined
    ? Effect.map(
        ask(dispatcher, { name: undefined, sql: "SHOW transaction_read_only", definedAt: "unknown" }),
        (answer) => answer === "on"
      )
    : Effect.succeed(standby || byDefault)
}

const isStandby = (dispatcher: Dispatcher): Effect.Effect<boolean, PostgresError> => {
  const reported = isOn(dispatcher, "in_hot_standby")
  return reported === undefined
    ? Effect.map(
        ask(dispatcher, { name: undefined, sql: "SELECT pg_catalog.pg_is_in_recovery()", definedAt: "unknown" }),
        (answer) => answer === "t"
      )
    : Effect.succeed(reported)
}

/** Why this server will not do, or `undefined`. */
export const mismatch = (
  dispatcher: Dispatcher,
  requirement: Requirement
): Effect.Effect<string | undefined, PostgresError> => {
  switch (requirement) {
    case "any":
      return Effect.succeed(undefined)
    case "read-write":
      return Effect.map(isReadOnly(dispatcher), (readOnly) => (readOnly ? "its sessions are read-only" : undefined))
    case "read-only":
      return Effect.map(isReadOnly(dispatcher), (readOnly) => (readOnly ? undefined : "its sessions are not read-only"))
    case "primary":
      return Effect.map(isStandby(dispatcher), (standby) => (standby ? "it is a standby" : undefined))
    case "standby":
      return Effect.map(isStandby(dispatcher), (standby) => (standby ? undefined : "it is not a standby"))
  }
}

/**
 * The session was asked for because it writes, and its server says by now that it does not: it was demoted, or its sessions were made
 * read-only. A server that does not report that (before 14) is believed to have refused one transaction only.
 */
export const hasBecomeReadOnly = (dispatcher: Dispatcher, wanted: TargetSessionAttrs): boolean => {
  const standby = isOn(dispatcher, "in_hot_standby") === true
  if (wanted === "primary") return standby
  return wanted === "read-write" && (standby || isOn(dispatcher, "default_transaction_read_only") === true)
}
