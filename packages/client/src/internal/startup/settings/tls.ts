// What TLS needs besides the mode: versions, negotiation, and the certificates, whose files are read anew for attempts so that
// renewed ones are used. Contents are looked at only to see that they are PEM; the platform judges the rest.
// Source: `initialize_SSL` in fe-secure-openssl.c; manual, "SSL Support".
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { Settings, TlsVersion } from "../../../Settings.ts"
import type { Environment } from "./environment.ts"
import { type AllGiven, nonEmpty, wrongValue } from "./given.ts"
import { invalidSettings } from "./invalidSettings.ts"
import type { ResolvedTls, TlsMaterial } from "./ResolvedSettings.ts"
import { type FileToRead, type MaybeFileSystem, ownerOrRootsGroup, readSettingsFile } from "./settingsFile.ts"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"
import { oneOf, type Read, switched } from "./values.ts"

export interface TlsSources {
  readonly settings: Settings
  readonly all: AllGiven
  readonly environment: Environment
  readonly fileSystem: MaybeFileSystem
  /** false if no host can come to use TLS: then nothing is read */
  readonly wanted: boolean
  /** some host's mode is `verify-ca` */
  readonly chainOnly: boolean
}

const isPem = (text: string): boolean => text.trimStart().startsWith("-----BEGIN")

/** Anywhere in the text: bundles begin with comments. */
const hasPem = (text: string, what: string): boolean => new RegExp(`-----BEGIN [A-Z0-9 ]*${what}-----`).test(text)

interface Wanted {
  readonly name: "sslrootcert" | "sslcert" | "sslkey" | "sslcrl"
  /** as it stands in a PEM header */
  readonly what: "CERTIFICATE" | "PRIVATE KEY" | "X509 CRL"
  readonly fallback: string | undefined
  readonly permissions?: FileToRead["permissions"]
}

/** PEM text as written, or from the file written, or from the default place; `undefined` if there is none. */
const readPem = (
  { all, fileSystem }: TlsSources,
  { fallback, name, permissions, what }: Wanted
): Effect.Effect<string | undefined, SettingsIssue> =>
  Effect.gen(function* () {
    const written = nonEmpty(all, name)?.value
    const path = written ?? fallback
    if (path === undefined) return undefined
    const text = isPem(path)
      ? path
      : yield* readSettingsFile(fileSystem, { key: name, path, explicit: written !== undefined, permissions })
    if (text === undefined || hasPem(text, what)) return text
    return yield* Effect.fail(settingsIssue(name, `holds no PEM block of the kind ${what}`))
  })

const readKey = (sources: TlsSources): Effect.Effect<Redacted.Redacted | undefined, SettingsIssue> => {
  const { all, environment, settings } = sources
  const written = nonEmpty(all, "sslkey")
  if (Redacted.isRedacted(settings.sslkey)) {
    return hasPem(Redacted.value(settings.sslkey), "PRIVATE KEY")
      ? Effect.succeed(settings.sslkey)
      : Effect.fail(settingsIssue("sslkey", "holds no PEM block of the kind PRIVATE KEY"))
  }
  if (written !== undefined && isPem(written.value)) {
    return wrongValue(written, "is a key itself: a secret is given as Redacted, in `sslkey`")
  }
  const fallback = environment.files?.key
  const permissions = environment.windows ? undefined : ownerOrRootsGroup
  return Effect.map(readPem(sources, { name: "sslkey", what: "PRIVATE KEY", fallback, permissions }), (text) =>
    text === undefined ? undefined : Redacted.make(text)
  )
}

const readMaterial = (sources: TlsSources): Effect.Effect<TlsMaterial, SettingsIssue> =>
  Effect.gen(function* () {
    const { all, environment, settings } = sources
    const files = environment.files
    const system = all.get("sslrootcert")?.value === "system"
    const roots = system
      ? undefined
      : yield* readPem(sources, { name: "sslrootcert", what: "CERTIFICATE", fallback: files?.roots })
    // Anybody can have a certificate of a public root: a chain without a name is worth something for one's own roots only.
    if (sources.chainOnly && roots === undefined) {
      return yield* Effect.fail(settingsIssue("sslrootcert", "is needed for the sslmode verify-ca"))
    }
    const crl = yield* readPem(sources, { name: "sslcrl", what: "X509 CRL", fallback: files?.crl })
    const none = { roots, crl, certificate: undefined, key: undefined, passphrase: undefined }
    if (all.get("sslcertmode")?.value === "disable") return none
    const certificate = yield* readPem(sources, { name: "sslcert", what: "CERTIFICATE", fallback: files?.certificate })
    if (certificate === undefined) {
      return settings.sslkey === undefined && nonEmpty(all, "sslkey") === undefined
        ? none
        : yield* Effect.fail(settingsIssue("sslkey", "is of no use without a certificate in `sslcert`"))
    }
    const key = yield* readKey(sources)
    if (key === undefined)
      return yield* Effect.fail(settingsIssue("sslkey", "is needed: there is a client certificate"))
    const written = nonEmpty(all, "sslpassword")?.value
    const passphrase = settings.sslpassword ?? (written === undefined ? undefined : Redacted.make(written))
    return { roots, crl, certificate, key, passphrase }
  })

const nothing: TlsMaterial = Object.freeze({
  roots: undefined,
  crl: undefined,
  certificate: undefined,
  key: undefined,
  passphrase: undefined
})

/** In any case, and empty for "no bound", as in libpq; versions before 1.2 are not offered. */
const tlsVersion = (all: AllGiven, name: string): Read<TlsVersion | undefined> => {
  const given = nonEmpty(all, name)
  switch (given?.value.toLowerCase()) {
    case undefined:
      return Either.right(undefined)
    case "tlsv1.2":
      return Either.right("TLSv1.2")
    case "tlsv1.3":
      return Either.right("TLSv1.3")
    default:
      return given === undefined ? Either.right(undefined) : wrongValue(given, 'must be "TLSv1.2" or "TLSv1.3"')
  }
}

/** What was read so lately is not read again: the first connection follows the settings at once, and a pool opens several at a time. */
const freshMillis = 1_000

/** Reads the files, unless they have just been read. Only what was good is remembered, so nobody gets another fiber's failure or interruption. */
const readFresh = (sources: TlsSources): Effect.Effect<TlsMaterial, SettingsIssue> => {
  let known: { readonly material: TlsMaterial; readonly until: number } | undefined
  return Effect.clockWith((clock) =>
    Effect.suspend(() => {
      if (known !== undefined && clock.unsafeCurrentTimeMillis() < known.until) return Effect.succeed(known.material)
      return Effect.tap(readMaterial(sources), (material) =>
        Effect.sync(() => {
          // a private key stays no longer than it is needed
          if (material.key === undefined) known = { material, until: clock.unsafeCurrentTimeMillis() + freshMillis }
        })
      )
    })
  )
}

/** Reads the files once, so that a wrong one is found before anything is dialled. */
export const resolveTls = (sources: TlsSources): Effect.Effect<ResolvedTls, SettingsIssue> =>
  Effect.gen(function* () {
    const { all, settings } = sources
    const negotiation = (yield* oneOf(all, "sslnegotiation", ["postgres", "direct"])) ?? "postgres"
    const certificates = all.get("sslcertmode")
    if (certificates?.value === "require") {
      return yield* wrongValue(certificates, 'cannot be "require": whether the server asked cannot be seen')
    }
    yield* oneOf(all, "sslcertmode", ["disable", "allow"])
    const sni = (all.get("sslsni")?.value === "" ? undefined : yield* switched(all, "sslsni")) ?? true
    const minVersion = (yield* tlsVersion(all, "ssl_min_protocol_version")) ?? "TLSv1.2"
    const maxVersion = yield* tlsVersion(all, "ssl_max_protocol_version")
    if (minVersion === "TLSv1.3" && maxVersion === "TLSv1.2") {
      return yield* Effect.fail(settingsIssue("sslMinProtocolVersion", "must not be above sslMaxProtocolVersion"))
    }
    const material = readFresh(sources)
    if (sources.wanted) yield* material
    return {
      negotiation,
      sni,
      minVersion,
      maxVersion,
      acceptInvalidCertificates: settings.acceptInvalidCertificatesForDevelopment === true,
      material: sources.wanted ? Effect.mapError(material, invalidSettings) : Effect.succeed(nothing)
    }
  })
