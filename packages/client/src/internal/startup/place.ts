// What errors call the place that was dialled: as the user meant it, and where it led to.
import type { ResolvedHost } from "./settings/ResolvedSettings.ts"

const withPort = (host: string, port: number): string => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)

/** `db.example:5432`, `db.example:5432 (203.0.113.7)`, `/run/postgresql/.s.PGSQL.5432`. */
export const placeOf = ({ kind, name, port }: ResolvedHost, address?: string): string => {
  if (kind === "unix") return `${name}/.s.PGSQL.${port}`
  return address === undefined || address === name ? withPort(name, port) : `${withPort(name, port)} (${address})`
}
