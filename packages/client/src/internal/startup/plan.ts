// What one address is tried with, and with what else after it refused. A table of decisions, pure: every step is taken at most once, so
// an address is dialled at most four times. Where this differs from libpq, and why: decisions/0005-second-attempts.md.
import type { ReportFields } from "@pgfx/protocol"
import type { PostgresError } from "../../PostgresError.ts"
import type { SslMode } from "../../Settings.ts"
import type { Progress } from "./progress.ts"
import type { ResolvedHost, ResolvedSettings } from "./settings/ResolvedSettings.ts"

/**
 * `none`: plain. `offered`: asked for, plain on the same connection if the server has none. `required`: asked for.
 * `direct`: TLS without asking.
 */
export type Encryption = "none" | "offered" | "required" | "direct"

export interface Plan {
  readonly encryption: Encryption
  /** `3 << 16 | minor` */
  readonly protocolVersion: number
  /** where run-time parameters go: into StartupMessage, or into statements behind it */
  readonly parameters: "startup" | "statements"
}

/** How an attempt ended that did not succeed. */
export interface Refusal {
  readonly error: PostgresError
  readonly progress: Progress
  /** TLS was up */
  readonly tls: boolean
  /** the server's ErrorResponse, if that was the first thing it said to StartupMessage */
  readonly firstAnswer: ReportFields | undefined
}

const protocol30 = 0x3_0000

const encryptionOf = (mode: SslMode, direct: boolean): Encryption => {
  switch (mode) {
    case "disable":
    case "allow":
      return "none"
    case "prefer":
      return "offered"
    default:
      return direct ? "direct" : "required"
  }
}

export const firstPlan = (settings: ResolvedSettings, host: ResolvedHost): Plan => ({
  encryption: encryptionOf(host.sslmode, settings.tls.negotiation === "direct"),
  protocolVersion: settings.maxProtocolVersion,
  parameters: "startup"
})

/** `reject` or no line in pg_hba.conf: the one refusal that the other kind of encryption may change (`ClientAuthentication`, auth.c). */
const invalidAuthorization = "28000"

const otherEncryption = (
  plan: Plan,
  { mode, refusal }: { mode: SslMode; refusal: Refusal }
): Encryption | undefined => {
  const notThisWay = refusal.firstAnswer?.code === invalidAuthorization
  if (mode === "allow" && plan.encryption === "none" && notThisWay) return "required"
  if (mode !== "prefer" || plan.encryption !== "offered") return undefined
  if (refusal.tls) return notThisWay ? "none" : undefined
  const { error, progress } = refusal
  const failedHandshake =
    progress.stage === "the TLS handshake" && !progress.verifying && error.reason._tag === "TlsFailed"
  return failedHandshake ? "none" : undefined
}

/** PgBouncer 1.18 says 08P01 to a version it does not know (measured), servers before 9.3 and others say 0A000. */
const refusesVersion = ({ firstAnswer }: Refusal): boolean =>
  firstAnswer !== undefined && (firstAnswer.code === "08P01" || firstAnswer.code === "0A000")

/** PgBouncer's sentence, never translated (src/client.c, `set_startup_options`); Pgpool and Odyssey take any parameter. */
export const refusesParameters = ({ firstAnswer }: Refusal): boolean =>
  firstAnswer?.code === "08P01" && firstAnswer.message?.startsWith("unsupported startup parameter") === true

/** What to try next at the same address, or `undefined`: it stays refused. */
export const nextPlan = (
  plan: Plan,
  refusal: Refusal,
  { host, settings }: { readonly host: ResolvedHost; readonly settings: ResolvedSettings }
): Plan | undefined => {
  if (refusesParameters(refusal)) {
    return plan.parameters === "startup" ? { ...plan, parameters: "statements" } : undefined
  }
  if (plan.protocolVersion > protocol30 && settings.minProtocolVersion <= protocol30 && refusesVersion(refusal)) {
    return { ...plan, protocolVersion: protocol30 }
  }
  const encryption = otherEncryption(plan, { mode: host.sslmode, refusal })
  return encryption === undefined ? undefined : { ...plan, encryption }
}
