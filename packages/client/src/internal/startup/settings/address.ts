// Numeric addresses, without `node:net`: is a text one, and does it stay on this machine. Nothing is looked up. IPv4 in four
// decimal parts, IPv6 as in RFC 4291 §2.2, with a zone (`%eth0`) where libpq's getaddrinfo takes one.

const ipv4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}$/

/** Sixteen-bit groups, or `undefined`. */
const groupsOf = (text: string): ReadonlyArray<number> | undefined => {
  if (text === "") return []
  const groups: Array<number> = []
  const parts = text.split(":")
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && ipv4.test(part)) {
      const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number)
      groups.push(a * 256 + b, c * 256 + d)
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else return undefined
  }
  return groups
}

/** The eight groups of an IPv6 address, or `undefined`. */
const parseIpv6 = (text: string): ReadonlyArray<number> | undefined => {
  const zone = text.indexOf("%")
  if (zone >= 0 && !/^[0-9A-Za-z._:-]+$/.test(text.slice(zone + 1))) return undefined
  const halves = (zone < 0 ? text : text.slice(0, zone)).split("::")
  const head = groupsOf(halves[0] ?? "")
  const tail = groupsOf(halves[1] ?? "")
  if (halves.length > 2 || head === undefined || tail === undefined) return undefined
  // an IPv4 tail belongs at the very end
  if (halves.length === 2 && halves[0]?.includes(".") === true) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail]
}

export const isAddress = (text: string): boolean => ipv4.test(text) || parseIpv6(text) !== undefined

/** 127.0.0.0/8, `::1`, 127.0.0.0/8 mapped into IPv6, or the name `localhost` (RFC 6761 §6.3; who dials it checks where it leads). */
export const isLoopback = (host: string): boolean => {
  if (host.toLowerCase() === "localhost") return true
  if (ipv4.test(host)) return host.startsWith("127.")
  const groups = parseIpv6(host)
  if (groups === undefined || groups.slice(0, 5).some((group) => group !== 0)) return false
  const [sixth, seventh = 0, eighth] = groups.slice(5)
  return sixth === 0xffff ? seventh >>> 8 === 127 : sixth === 0 && seventh === 0 && eighth === 1
}
