// Every offer against every policy. Numbers A-n are those of the project's catalogue of faults and attacks.
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { chooseMechanism, type MechanismContext } from "../../src/authentication/mechanism.ts"
import { scramClient } from "../../src/authentication/Scram.ts"

const plain = "SCRAM-SHA-256"
const plus = "SCRAM-SHA-256-PLUS"
const hash = Uint8Array.from({ length: 32 }, (_, i) => i)
const unbindable = { unbindable: "Ed25519" }
const verified: MechanismContext = { channelBinding: "prefer", tls: true, serverVerified: true, endPoint: hash }
const withoutTls: MechanismContext = {
  channelBinding: "prefer",
  tls: false,
  serverVerified: false,
  endPoint: undefined
}

const outcome = (offered: ReadonlyArray<string>, context: MechanismContext): string => {
  const choice = chooseMechanism(offered, context)
  return choice._tag === "Refused"
    ? choice.reason
    : `${choice.mechanism} ${choice.channelBinding.type} ${choice.unbound ?? "bound"}`
}

describe("chooseMechanism", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, MechanismContext, string]> = [
    ["A-13 refuses PLAIN", ["PLAIN"], verified, "UnsupportedMechanism"],
    [
      "A-13 refuses names of other case and length",
      ["scram-sha-256", "SCRAM-SHA-1", "SCRAM-SHA-256-"],
      verified,
      "UnsupportedMechanism"
    ],
    ["A-14 refuses an empty list", [], verified, "NoMechanism"],
    ["A-15 refuses PLUS alone without TLS", [plus], withoutTls, "PlusWithoutTls"],
    [
      "A-15 refuses PLUS beside plain without TLS: somebody ended it on the way",
      [plus, plain],
      withoutTls,
      "PlusWithoutTls"
    ],
    [
      "A-15 and with channel_binding=disable too, as libpq does",
      [plus, plain],
      { ...withoutTls, channelBinding: "disable" },
      "PlusWithoutTls"
    ],
    [
      "A-17 binds when required and offered",
      [plus, plain],
      { ...verified, channelBinding: "require" },
      `${plus} tls-server-end-point bound`
    ],
    [
      "binds when preferred and offered, whatever the order",
      [plain, "X", plus],
      verified,
      `${plus} tls-server-end-point bound`
    ],
    [
      "binds to a server that TLS did not verify",
      [plus, plain],
      { ...verified, serverVerified: false },
      `${plus} tls-server-end-point bound`
    ],
    [
      "does not bind when told not to",
      [plus, plain],
      { ...verified, channelBinding: "disable" },
      `${plain} none Disabled`
    ],
    [
      "says n, not y, when told not to and nothing was offered",
      [plain],
      { ...verified, channelBinding: "disable" },
      `${plain} none Disabled`
    ],
    [
      "refuses PLUS alone when told not to bind",
      [plus],
      { ...verified, channelBinding: "disable" },
      "UnsupportedMechanism"
    ],
    [
      "A-18 refuses plain alone when binding is required",
      [plain],
      { ...verified, channelBinding: "require" },
      "ChannelBindingRequired"
    ],
    [
      "A-18 refuses a connection without TLS when binding is required",
      [plain],
      { ...withoutTls, channelBinding: "require" },
      "ChannelBindingRequired"
    ],
    [
      "A-19 refuses a certificate without hash when binding is required",
      [plus, plain],
      { ...verified, endPoint: unbindable, channelBinding: "require" },
      "ChannelBindingRequired"
    ],
    [
      "A-19 goes on without, flag n, when binding is preferred and TLS verified the server",
      [plus, plain],
      { ...verified, endPoint: unbindable },
      `${plain} none CertificateUnbindable`
    ],
    [
      "A-19 refuses it when nothing verified the server: the certificate may be an attacker's choice",
      [plus, plain],
      { ...verified, endPoint: unbindable, serverVerified: false },
      "CertificateUnbindable"
    ],
    [
      "A-19 goes on when binding is disabled",
      [plus, plain],
      { ...verified, endPoint: unbindable, serverVerified: false, channelBinding: "disable" },
      `${plain} none Disabled`
    ],
    [
      "A-19 has nothing left if PLUS is all there is",
      [plus],
      { ...verified, endPoint: unbindable },
      "UnsupportedMechanism"
    ],
    [
      "A-20 says y when PLUS is missing from the list over TLS",
      [plain],
      verified,
      `${plain} unsupportedByServer NotOffered`
    ],
    [
      "A-20 says y also with a certificate that cannot be bound, as libpq does",
      [plain],
      { ...verified, endPoint: unbindable, serverVerified: false },
      `${plain} unsupportedByServer NotOffered`
    ],
    [
      "treats an empty hash as none (CVE-2026-54291)",
      [plus, plain],
      { ...verified, endPoint: new Uint8Array(0), channelBinding: "require" },
      "ChannelBindingRequired"
    ],
    [
      "goes on, flag n, over a transport that does not tell the certificate",
      [plus, plain],
      { ...verified, endPoint: undefined, serverVerified: false },
      `${plain} none CertificateUnknown`
    ],
    [
      "refuses that transport when binding is required",
      [plus, plain],
      { ...verified, endPoint: undefined, channelBinding: "require" },
      "ChannelBindingRequired"
    ],
    ["uses plain SCRAM without TLS", [plain], withoutTls, `${plain} none NoTls`]
  ]
  for (const [name, offered, context, expected] of cases) {
    it(name, () => expect(outcome(offered, context)).toBe(expected))
  }

  it("names the signature algorithm and the setting in a refusal (A-19)", () => {
    const choice = chooseMechanism([plus], { ...verified, endPoint: unbindable, channelBinding: "require" })
    expect(choice).toMatchObject({ _tag: "Refused" })
    if (choice._tag === "Refused") {
      expect(choice.message).toContain("Ed25519")
      expect(choice.message).toContain("channel_binding=require")
    }
  })

  it("shows no more of a server's list than names of mechanisms, and not all of a long one", () => {
    const offered = ["\u001b[2J", "A".repeat(10_000), "GS2-KRB5", ...Array.from({ length: 100 }, () => "X")]
    const choice = chooseMechanism(offered, verified)
    expect(choice._tag).toBe("Refused")
    if (choice._tag === "Refused") {
      expect(choice.message).toMatch(/^[\x20-\x7e]{1,300}$/)
      expect(choice.message).toContain("GS2-KRB5")
      expect(choice.message).toContain("95 more")
    }
  })

  const context: fc.Arbitrary<MechanismContext> = fc.record({
    channelBinding: fc.constantFrom("disable", "prefer", "require"),
    tls: fc.boolean(),
    serverVerified: fc.boolean(),
    endPoint: fc.constantFrom(hash, new Uint8Array(0), unbindable, undefined)
  })
  const list = fc.array(fc.oneof(fc.constantFrom(plain, plus), fc.string()), { maxLength: 4 })

  it("never chooses what was not offered, never goes unbound under require, never binds without TLS or under disable", () => {
    fc.assert(
      fc.property(list, context, (offered, context) => {
        const choice = chooseMechanism(offered, context)
        if (choice._tag === "Refused") return
        expect(offered).toContain(choice.mechanism)
        const bound = choice.channelBinding.type === "tls-server-end-point"
        expect(bound).toBe(choice.mechanism === plus)
        expect(bound).toBe(choice.unbound === undefined)
        if (context.channelBinding === "require") expect(bound).toBe(true)
        if (context.channelBinding === "disable" || !context.tls) expect(choice.channelBinding.type).toBe("none")
        // y is a promise that the server did not offer PLUS
        expect(choice.channelBinding.type === "unsupportedByServer").toBe(
          context.tls && context.channelBinding === "prefer" && !offered.includes(plus)
        )
      })
    )
  })

  it("chooses what scramClient then names", () => {
    fc.assert(
      fc.property(list, context, (offered, context) => {
        const choice = chooseMechanism(offered, context)
        if (choice._tag === "Refused") return
        const client = scramClient({ nonce: "rOprNGfwEbeRWgbNEkqO", channelBinding: choice.channelBinding })
        expect(client.mechanism).toBe(choice.mechanism)
      })
    )
  })
})
