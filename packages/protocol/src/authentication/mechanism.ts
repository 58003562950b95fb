// Which SASL mechanism to answer an AuthenticationSASL with, and what to say about channel binding. A table of decisions, pure.
// The rules are libpq's (fe-auth.c, pg_SASL_init; fe-auth-scram.c, build_client_first_message) with one exception: a certificate that
// cannot be bound does not end `channel_binding=prefer` if TLS has verified the server anyway (libpq 15 gives up: "could not find digest
// for NID UNDEF", measured with Ed25519). That the exchange ran to its end is not decided here: see `ScramClient.verified`.
import type { Unbindable } from "./channelBinding.ts"
import type { ChannelBinding, ScramMechanism } from "./Scram.ts"

/** libpq's `channel_binding`. */
export type ChannelBindingPolicy = "disable" | "prefer" | "require"

export interface MechanismContext {
  readonly channelBinding: ChannelBindingPolicy
  /** the connection is encrypted, as far as this end can tell */
  readonly tls: boolean
  /** TLS proved who the server is: verify-ca or verify-full, nothing less. Not said is not so. */
  readonly serverVerified?: boolean | undefined
  /**
   * What the server's certificate is bound by: its hash, the reason why it has none, or `undefined` if the certificate is not
   * known (no TLS, or a transport that does not tell).
   */
  readonly endPoint: Uint8Array | Unbindable | undefined
}

/** Why the exchange is not bound to the TLS channel. */
export type UnboundReason = "Disabled" | "NoTls" | "NotOffered" | "CertificateUnknown" | "CertificateUnbindable"

export type MechanismChoice =
  | {
      readonly _tag: "Chosen"
      readonly mechanism: ScramMechanism
      readonly channelBinding: ChannelBinding
      /** `undefined` if the exchange is bound */
      readonly unbound: UnboundReason | undefined
    }
  | MechanismRefusal

/**
 * - `NoMechanism`: the server's list is empty
 * - `UnsupportedMechanism`: nothing on the list that pgfx speaks, or only what the policy excludes
 * - `PlusWithoutTls`: the server offers channel binding on a connection that is not encrypted at this end
 * - `ChannelBindingRequired`: `channel_binding=require`, and it cannot be had
 * - `CertificateUnbindable`: `channel_binding=prefer`, the server offers it, its certificate does not allow it, and nothing else has
 *   proved who the server is: going on would let whoever stands in between choose such a certificate
 */
export interface MechanismRefusal {
  readonly _tag: "Refused"
  readonly reason:
    | "NoMechanism"
    | "UnsupportedMechanism"
    | "PlusWithoutTls"
    | "ChannelBindingRequired"
    | "CertificateUnbindable"
  /** what happened and which setting would change it */
  readonly message: string
}

const refuse = (reason: MechanismRefusal["reason"], message: string): MechanismRefusal => ({
  _tag: "Refused",
  reason,
  message
})

/** A server's word in our message: SASL names only (RFC 4422 §3.1), and not more of them than a line holds. */
const shown = (offered: ReadonlyArray<string>): string =>
  offered
    .slice(0, 8)
    .map((name) => (/^[A-Z0-9_-]{1,20}$/.test(name) ? name : "a malformed name"))
    .join(", ") + (offered.length > 8 ? ` and ${offered.length - 8} more` : "")

const required = (why: string): MechanismRefusal =>
  refuse("ChannelBindingRequired", `channel_binding=require, but ${why}. channel_binding=prefer does not insist on it`)

/**
 * Chooses among the offered mechanisms, never one that was not offered.
 *
 * `-PLUS` wins wherever it can be had. Without it the GS2 flag says why: `y` if the server did not offer it over TLS (so that a server
 * whose offer was cut out on the way notices), `n` if it did and this end cannot bind, if there is no TLS, or if the policy is `disable`.
 */
export const chooseMechanism = (offered: ReadonlyArray<string>, context: MechanismContext): MechanismChoice => {
  if (offered.length === 0) {
    return refuse("NoMechanism", "the server asks for SASL authentication and offers no mechanism")
  }
  const plus = offered.includes("SCRAM-SHA-256-PLUS")
  const { channelBinding, endPoint } = context
  if (plus && context.tls && channelBinding !== "disable" && endPoint instanceof Uint8Array && endPoint.length > 0) {
    return {
      _tag: "Chosen",
      mechanism: "SCRAM-SHA-256-PLUS",
      channelBinding: { type: "tls-server-end-point", data: endPoint },
      unbound: undefined
    }
  }
  const refusal = refusalOfPlain(offered, plus, context)
  if (refusal !== undefined) return refusal
  const unbound = unboundReason(context, plus)
  return {
    _tag: "Chosen",
    mechanism: "SCRAM-SHA-256",
    channelBinding: unbound === "NotOffered" ? { type: "unsupportedByServer" } : { type: "none" },
    unbound
  }
}

/** Why the exchange may not go on unbound, if so. */
const refusalOfPlain = (
  offered: ReadonlyArray<string>,
  plus: boolean,
  { channelBinding, endPoint, serverVerified, tls }: MechanismContext
): MechanismRefusal | undefined => {
  if (channelBinding === "require") {
    if (!tls) return required("the connection is not encrypted")
    return required(plus ? whyNotBound(endPoint) : "the server does not offer it")
  }
  if (plus && !tls) {
    return refuse(
      "PlusWithoutTls",
      "the server offers SCRAM-SHA-256-PLUS on a connection that is not encrypted at this end: " +
        "something between client and server ends its TLS. Connect with TLS all the way, or have the proxy authenticate by itself"
    )
  }
  if (plus && channelBinding === "prefer" && endPoint !== undefined && serverVerified !== true) {
    return refuse(
      "CertificateUnbindable",
      `the server offers channel binding, but ${whyNotBound(endPoint)}, and TLS did not verify the server. ` +
        "sslmode=verify-full would make up for it; channel_binding=disable would go on without"
    )
  }
  if (offered.includes("SCRAM-SHA-256")) return undefined
  if (!plus) {
    return refuse(
      "UnsupportedMechanism",
      `the server offers ${shown(offered)}; pgfx speaks SCRAM-SHA-256 and SCRAM-SHA-256-PLUS`
    )
  }
  const why = channelBinding === "disable" ? "channel_binding=disable rules it out" : whyNotBound(endPoint)
  return refuse("UnsupportedMechanism", `the server offers SCRAM-SHA-256-PLUS only, and ${why}`)
}

const whyNotBound = (endPoint: MechanismContext["endPoint"]): string => {
  if (endPoint === undefined) return "the transport does not tell the server's certificate"
  if (endPoint instanceof Uint8Array) return "the hash of the server's certificate is empty"
  return `no channel binding is defined for the server's certificate (${endPoint.unbindable})`
}

const unboundReason = (context: MechanismContext, plus: boolean): UnboundReason => {
  if (context.channelBinding === "disable") return "Disabled"
  if (!context.tls) return "NoTls"
  if (!plus) return "NotOffered"
  return context.endPoint === undefined ? "CertificateUnknown" : "CertificateUnbindable"
}
