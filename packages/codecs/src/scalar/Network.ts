// inet cidr macaddr macaddr8. Form: text, as the server writes it: a netmask only where it says something (always on cidr), IPv6 in its short
// form. Source: src/backend/utils/adt/network.c, network_send; src/port/inet_net_ntop.c.
import { type Codec, type Writer, scalar } from "../Codec.ts"
import { hexOf } from "../Bytes.ts"
import { checkText } from "../Text.ts"
import { malformed, notTaken, wrongLength } from "../ValueError.ts"

/** PGSQL_AF_INET and PGSQL_AF_INET6: the same numbers on every platform, unlike the system's AF_INET6. */
const ipv4 = 2
const ipv6 = 3

const ipv4Text = (bytes: Uint8Array, at: number): string =>
  `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`

const ipv6Text = (bytes: Uint8Array, at: number): string => {
  const words: Array<number> = []
  for (let i = 0; i < 16; i += 2) words.push((bytes[at + i]! << 8) | bytes[at + i + 1]!)
  // the longest run of two zero words or more, the first of equals
  let start = -1
  let longest = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && words[end] === 0) end++
    if (end - i > longest) {
      start = i
      longest = end - i
    }
    if (end > i) i = end
  }
  // IPv4-compatible and IPv4-mapped addresses end in dotted quads
  const dotted = start === 0 && (longest === 6 || (longest === 5 && words[5] === 0xffff))
  const text = (from: number, to: number): string => {
    const parts: Array<string> = []
    for (let i = from; i < to; i++) {
      if (dotted && i >= 6) {
        parts.push(ipv4Text(bytes, at + 12))
        break
      }
      parts.push(words[i]!.toString(16))
    }
    return parts.join(":")
  }
  if (start < 0) return text(0, 8)
  return `${text(0, start)}::${text(start + longest, 8)}`
}

const readAddress =
  (type: "inet" | "cidr") =>
  (bytes: Uint8Array, offset: number, length: number): string => {
    const family = bytes[offset]!
    const bits = bytes[offset + 1]!
    const size = family === ipv4 ? 4 : 16
    const known = length >= 4 && (family === ipv4 || family === ipv6)
    if (!known || length !== 4 + size || bytes[offset + 3] !== size || bits > size * 8) {
      throw malformed(type, "an address of IPv4 or IPv6")
    }
    const address = family === ipv4 ? ipv4Text(bytes, offset + 4) : ipv6Text(bytes, offset + 4)
    return type === "cidr" || bits !== size * 8 ? `${address}/${bits}` : address
  }

const quads = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/

const ipv4Bytes = (text: string): Array<number> | undefined =>
  quads.test(text) ? text.split(".").map(Number) : undefined

/** 16 bytes of an address in RFC 4291 notation, `undefined` for anything else. */
const ipv6Bytes = (text: string): Array<number> | undefined => {
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const parsed = halves.map(groupsOf)
  const [head, tail] = parsed
  if (head === undefined) return undefined
  if (halves.length === 1) return head.length === 16 ? head : undefined
  if (tail === undefined || head.length + tail.length > 14) return undefined
  return [...head, ...Array<number>(16 - head.length - tail.length).fill(0), ...tail]
}

const groupsOf = (text: string): Array<number> | undefined => {
  const bytes: Array<number> = []
  if (text === "") return bytes
  const groups = text.split(":")
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const word = Number.parseInt(group, 16)
      bytes.push(word >> 8, word & 0xff)
      continue
    }
    const quad = i === groups.length - 1 ? ipv4Bytes(group) : undefined
    if (quad === undefined) return undefined
    bytes.push(...quad)
  }
  return bytes
}

interface Address {
  readonly bytes: ReadonlyArray<number>
  readonly bits: number
}

/** An address in the notation that `readAddress` writes, `undefined` for what the server has to judge. */
const addressOf = (type: "inet" | "cidr", text: string): Address | undefined => {
  const slash = text.indexOf("/")
  const address = slash < 0 ? text : text.slice(0, slash)
  const bytes = address.includes(":") ? ipv6Bytes(address) : ipv4Bytes(address)
  if (bytes === undefined) return undefined
  const mask = slash < 0 ? String(bytes.length * 8) : text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(mask) || Number(mask) > bytes.length * 8) return undefined
  const parsed = { bytes, bits: Number(mask) }
  // cidr without a mask has PostgreSQL's own rules, and bits beyond the mask are its error to report
  return type === "inet" || (slash >= 0 && isNetwork(parsed)) ? parsed : undefined
}

/** No bit beyond the mask is set. */
const isNetwork = ({ bytes, bits }: Address): boolean =>
  bytes.every((byte, i) => (byte & (0xff >> Math.min(Math.max(bits - i * 8, 0), 8))) === 0)

const addressWriter = (type: "inet" | "cidr"): Writer => {
  const textOf = (value: unknown): string => {
    if (typeof value === "string") return checkText(type, value)
    throw notTaken(type, value)
  }
  return {
    format: (value) => (addressOf(type, textOf(value)) === undefined ? 0 : 1),
    text: textOf,
    binary: (value, out) => {
      const address = addressOf(type, textOf(value))
      if (address === undefined) throw notTaken(type, value)
      out.uint8(address.bytes.length === 4 ? ipv4 : ipv6)
      out.uint8(address.bits)
      out.uint8(0)
      out.uint8(address.bytes.length)
      for (const byte of address.bytes) out.uint8(byte)
    }
  }
}

const network = (type: "inet" | "cidr"): Codec =>
  scalar({
    name: type,
    defaultForm: "text",
    readers: { text: { format: 1, binary: readAddress(type), parse: (text) => text } },
    writer: addressWriter(type)
  })

export const inet: Codec = network("inet")
export const cidr: Codec = network("cidr")

const hardware = (type: "macaddr" | "macaddr8", size: 6 | 8): Codec => {
  const canonical = new RegExp(`^(?:[0-9a-f]{2}:){${size - 1}}[0-9a-f]{2}$`, "i")
  const textOf = (value: unknown): string => {
    if (typeof value === "string") return checkText(type, value)
    throw notTaken(type, value)
  }
  return scalar({
    name: type,
    defaultForm: "text",
    readers: {
      text: {
        format: 1,
        binary: (bytes, offset, length) => {
          if (length !== size) throw wrongLength(type, size, length)
          return hexOf(bytes, offset, size).replace(/..(?!$)/g, "$&:")
        },
        parse: (text) => {
          if (!canonical.test(text)) throw malformed(type, "pairs of hexadecimal digits")
          return text.toLowerCase()
        }
      }
    },
    writer: {
      format: (value) => (canonical.test(textOf(value)) ? 1 : 0),
      text: textOf,
      binary: (value, out) => {
        for (const pair of textOf(value).split(":")) out.uint8(Number.parseInt(pair, 16))
      }
    }
  })
}

export const macaddr: Codec = hardware("macaddr", 6)
export const macaddr8: Codec = hardware("macaddr8", 8)
