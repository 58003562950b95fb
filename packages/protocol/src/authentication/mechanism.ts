// Which SASL mechanism to answer an AuthenticationSASL with, and what to say about channel binding. A table of decisions, pure;
// the rules are libpq's (fe-auth.c, pg_SASL_init; fe-auth-scram.c, build_client_first_message) but for certificates that cannot be
// bound. That the exchange did run to its end is not decided here: see `ScramClient.verified`.
import type { Unbindable } from "./channelBinding.ts"
import type { ChannelBinding, ScramMechanism } from "./Scram.ts"

/** libpq's `channel_binding`. */
export type ChannelBindingPolicy = "disable" | "prefer" | "require"

export interface MechanismContext {
  readonly channelBinding: ChannelBindingPolicy
  /** the connection is encrypted, as far as this end can tell */
  readonly tls: boolean
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
 */
export interface MechanismRefusal {
  readonly _tag: "Refused"
  readonly reason: "NoMechanism" | "UnsupportedMechanism" | "PlusWithoutTls" | "ChannelBindingRequired"
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
  refuse("ChannelBindingRequired", `channel_binding=require, but ${why}. channel_binding=prefer would go on without it`)

/**
 * Chooses among the offered mechanisms, never one that was not offered.
 *
 * `-PLUS` wins wherever it can be had. Without it the GS2 flag says why: `y` if this end could have bound (so that a server whose
 * offer was cut out on the way notices), `n` if it could not or was told not to.
 */
export const chooseMechanism = (offered: ReadonlyArray<string>, context: MechanismContext): MechanismChoice => {
  const { channelBinding, endPoint, tls } = context
  const plus = offered.includes("SCRAM-SHA-256-PLUS")
  const plain = offered.includes("SCRAM-SHA-256")
  const bindable = endPoint instanceof Uint8Array && endPoint.length > 0 ? endPoint : undefined

  if (offered.length === 0) {
    return refuse("NoMechanism", "the server asks for SASL authentication and offers no mechanism")
  }
  if (channelBinding === "require" && !tls) return required("the connection is not encrypted")
  if (plus && !tls) {
    return refuse(
      "PlusWithoutTls",
      "the server offers SCRAM-SHA-256-PLUS on a connection that is not encrypted at this end: " +
        "something between client and server ends its TLS. Connect with TLS all the way, or have the proxy authenticate by itself"
    )
  }
  if (plus && channelBinding !== "disable" && bindable !== undefined) {
    return {
      _tag: "Chosen",
      mechanism: "SCRAM-SHA-256-PLUS",
      channelBinding: { type: "tls-server-end-point", data: bindable },
      unbound: undefined
    }
  }
  if (channelBinding === "require") return required(whyNotBound(plus, endPoint))
  if (!plain) {
    return refuse(
      "UnsupportedMechanism",
      plus
        ? `the server offers SCRAM-SHA-256-PLUS only, and ${
            channelBinding === "disable" ? "channel_binding=disable rules it out" : whyNotBound(plus, endPoint)
          }`
        : `the server offers ${shown(offered)}; pgfx speaks SCRAM-SHA-256 and SCRAM-SHA-256-PLUS`
    )
  }
  const unbound = unboundReason(context, bindable)
  return {
    _tag: "Chosen",
    mechanism: "SCRAM-SHA-256",
    channelBinding: unbound === "NotOffered" ? { type: "unsupportedByServer" } : { type: "none" },
    unbound
  }
}

const whyNotBound = (plus: boolean, endPoint: MechanismContext["endPoint"]): string => {
  if (endPoint === undefined) return "the transport does not tell the server's certificate"
  if (!(endPoint instanceof Uint8Array)) {
    return `the server's certificate is signed with ${endPoint.unbindable}, for which tls-server-end-point defines no hash`
  }
  if (endPoint.length === 0) return "the hash of the server's certificate is empty"
  return plus ? "it cannot be had" : "the server does not offer SCRAM-SHA-256-PLUS"
}

const unboundReason = (context: MechanismContext, bindable: Uint8Array | undefined): UnboundReason => {
  if (context.channelBinding === "disable") return "Disabled"
  if (!context.tls) return "NoTls"
  if (bindable !== undefined) return "NotOffered"
  return context.endPoint === undefined ? "CertificateUnknown" : "CertificateUnbindable"
}
