// What was accepted and changes nothing, said once when a layer is built: keys and reasons, never values.
import * as Effect from "effect/Effect"
import type { TransportAbilities } from "../../Transport.ts"
import type { ResolvedSettings, SettingsNote } from "./settings/ResolvedSettings.ts"

const ofTransport = (
  { keepalives, tls }: ResolvedSettings,
  abilities: TransportAbilities
): ReadonlyArray<SettingsNote> => [
  ...(abilities.keepaliveProbes === true || (keepalives.interval === undefined && keepalives.count === undefined)
    ? []
    : [
        {
          key: keepalives.interval === undefined ? "keepalivesCount" : "keepalivesInterval",
          because: "this transport leaves the probes to the system"
        }
      ]),
  ...(tls.acceptInvalidCertificates
    ? [
        {
          key: "acceptInvalidCertificatesForDevelopment",
          because: "no certificate is checked: whoever is on the way can read and change everything"
        }
      ]
    : [])
]

export const logNotes = (settings: ResolvedSettings, abilities: TransportAbilities): Effect.Effect<void> =>
  Effect.forEach(
    [...settings.notes, ...ofTransport(settings, abilities)],
    ({ because, key }) => Effect.logWarning(`pgfx: setting "${key}": ${because}`),
    { discard: true }
  )
