// What to do now: the server's hint where it gave one, else ours, the likeliest remedy first.
import type { FailureOptions, Outcome, Reason, ServerReport } from "../../PostgresError.ts"
import { oneLine } from "./plainText.ts"
import { duration, sentence } from "./sentence.ts"

/** By what failed: the words of `negotiateTls` and of the transport. */
const tlsFailed = (check: string): ReadonlyArray<string> => {
  if (check.startsWith("the server's offer of TLS"))
    return ["switch TLS on at the server (ssl = on); or write sslmode=disable where nobody can come between"]
  if (check.startsWith("the chain of the server's certificate"))
    return ["name the authority that signed it: sslrootcert=path/to/ca.pem"]
  if (check.startsWith("the host name"))
    return ["connect by a name that the certificate has; sslmode=verify-ca asks only who signed it"]
  return []
}

type PoolTimeout = Extract<Reason, { readonly _tag: "PoolTimeout" }>

// Order after db_connection's message for the same failure: is the server there, who holds, how many, how long. The facts reorder it.
const poolTimeout = (reason: PoolTimeout): ReadonlyArray<string> => {
  const longest = reason.holders[0]
  const held = longest !== undefined && longest.heldMillis >= reason.waitedMillis
  const isDown = reason.busy === 0 && reason.lastConnectError !== undefined
  return [
    ...(reason.lastConnectError === undefined
      ? []
      : [
          `make the server reachable; the last attempt to connect failed with ${sentence(reason.lastConnectError.reason, false)}`
        ]),
    ...(reason.holders.some((holder) => holder.own)
      ? [
          "this fiber waits while it holds a connection itself: run the inner statement in the same Transaction or Session.pin"
        ]
      : []),
    ...(held
      ? [
          `release sooner what is held longest, ${duration(longest.heldMillis)} by now: no waiting for anything but the database inside a transaction, a stream or a pin`
        ]
      : []),
    ...(isDown ? [] : ["make the slowest statements faster"]),
    ...(reason.busy >= reason.max ? ["raise pool.max, as far as the server's max_connections allows"] : []),
    "raise pool.acquireTimeout, if waiting longer is acceptable"
  ]
}

const byReport = ({ message, sqlState }: ServerReport): ReadonlyArray<string> => {
  switch (sqlState) {
    case "25006":
      return [
        "run it in a transaction that may write, on a server that may: a stream outside a transaction only reads, a standby always"
      ]
    case "26000":
    case "42P05":
      return [
        "a pooler that shares sessions may have lost or kept the prepared statement: prepare: false avoids named ones"
      ]
    case "28000":
    case "28P01":
      return [
        "see whether user and password are those of this server: setting, connection string, PGUSER, PGPASSWORD, .pgpass"
      ]
    case "3D000":
      return ["create it (CREATE DATABASE), or see whether its name and the server are the right ones"]
    case "40001":
    case "40P01":
      return ["repeat the transaction as a whole: Transaction.run inside, Retry.transient around it"]
    case "42P08":
    case "42P18":
      return ["give the parameter a type with a cast, $1::text"]
    case "42601":
      return message.includes("multiple commands") ? ["Query.script runs several statements, without parameters"] : []
    case "53300":
      return ["lower pool.max, or raise the server's max_connections"]
    case "57P03":
      return ["the server is starting up, shutting down or recovering: try again in a moment"]
    default:
      return []
  }
}

/** A row that is only too large (the words of BackendGrammar): no fault of the server, and the remedy is a setting. */
const tooLarge = (reason: Reason): ReadonlyArray<string> => {
  if (reason._tag !== "ProtocolViolation" || !/^(?:DataRow|CopyData)$/.test(reason.during)) return []
  const most = Number(/^length \d+ to (\d+)$/.exec(reason.expected)?.[1])
  const length = Number(/^length (\d+)$/.exec(reason.received)?.[1])
  return length > most
    ? [`if rows may be so large, raise the setting maxMessageSize above ${length} bytes: a row is in memory as a whole`]
    : []
}

const catchConstraint = (constraint: string): ReadonlyArray<string> =>
  constraint === ""
    ? []
    : [
        `PostgresError.catchConstraints({ ${JSON.stringify(oneLine(constraint, 63))}: … }) makes an error of your own of it`
      ]

const ofReason = (reason: Reason): ReadonlyArray<string> => {
  switch (reason._tag) {
    case "UniqueViolation":
    case "ForeignKeyViolation":
    case "CheckViolation":
    case "ExclusionViolation":
      return catchConstraint(reason.constraint)
    case "PoolTimeout":
      return poolTimeout(reason)
    case "PoolSaturated":
    case "PoolOverloaded":
      return ["send less: repeating adds load to what is full"]
    case "PoolDeadlock":
      return [
        "run the inner statements in the same Transaction or Session.pin, or raise pool.max above the number of fibers that nest"
      ]
    case "ConnectFailed":
      return ["see whether a server listens at this address, and whether the network lets us reach it"]
    case "TlsFailed":
      return tlsFailed(reason.check)
    case "AuthenticationRefused":
      if (reason.setting === undefined) return []
      // not a weakness that one may want to allow: it is missing
      return reason.setting === "password"
        ? ["give one: the setting password, the connection string, PGPASSWORD, or a line of .pgpass"]
        : [`if this is acceptable, say so with the setting ${oneLine(reason.setting, 300)}`]
    case "ProtocolViolation":
      if (tooLarge(reason).length > 0) return []
      return [
        "if a pooler or proxy stands in between, try without it; otherwise report this text to the maintainers of pgfx"
      ]
    case "StatementTimeout":
      return ["raise the statement's timeout, or look at its plan"]
    case "QueryCanceled":
      return reason.by === "statement timeout" ? ["raise statement_timeout, or look at the statement's plan"] : []
    case "UnexpectedRowCount":
      return [
        reason.actual === 0
          ? "Query.option takes no row for an answer"
          : "Query.all takes any number of rows; to expect one, the condition has to be unique"
      ]
    case "TransactionFinished":
      return ["wait for the fiber inside Transaction.run, or start it outside"]
    case "UseTransaction":
      return ["Transaction.run(effect); in migrations, Query.script may contain it"]
    case "UseCopy":
      return ["use the Copy module"]
    case "CopyInProgress":
      return ["run it before or after the COPY, or outside this Transaction or Session.pin"]
    case "StreamInProgress":
      return [
        "inside Transaction.run the connection is free between the batches of a stream; or let the stream end first"
      ]
    case "ListenUnsupported":
      return ["a pooler in transaction mode cannot: connect to the server itself, or to a pooler in session mode"]
    case "SubscriberBehind":
      return [
        "work on notifications concurrently, or raise the channel's buffer; `events` goes on and marks the gap",
        "what was missed is in no queue: read the tables again"
      ]
    case "CommitRolledBack":
      return [
        "look for a failure that was caught inside the transaction; to survive one, wrap its statement in Transaction.savepoint"
      ]
    case "SessionLost":
      return ["create again what the session held, before the statement is repeated"]
    default:
      return "report" in reason && reason.report !== undefined ? byReport(reason.report) : []
  }
}

/** The likeliest remedy first; several only where the facts leave several. */
export const advice = (options: FailureOptions<Reason, Outcome>): ReadonlyArray<string> => {
  const { reason } = options
  const report = "report" in reason ? reason.report : undefined
  const hint = report === undefined ? undefined : report.hint
  if (hint !== undefined && hint !== "") return [oneLine(hint, 1_000)]
  if (options.outcome === "Unknown" && report?.severity === "ERROR") {
    return ["look what of it is there before you repeat it; in a Transaction it is all or nothing", ...ofReason(reason)]
  }
  return options.outcome === "Unknown"
    ? [
        ...tooLarge(reason),
        "find out whether it took effect before you repeat it; Retry.idempotent repeats what may run twice",
        ...ofReason(reason)
      ]
    : [...tooLarge(reason), ...ofReason(reason)]
}
