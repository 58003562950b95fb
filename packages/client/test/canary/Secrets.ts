// What must never be shown, in every form in which a program might show it, and a search for it that does not mind how many there are: each of
// hundreds of connections of a test has a SCRAM proof and a cancel key of its own. Knows nothing of where secrets come from.

/** Where a secret was found, without the secret. */
export interface Leak {
  /** `"the password, hexadecimal"` */
  readonly secret: string
  /** the text around it, the secret itself blanked */
  readonly excerpt: string
}

interface Known {
  readonly name: string
  readonly text: string
  /** of a short form only a whole word is a find: eight random hexadecimal digits do stand somewhere in a longer number */
  readonly wordOf: RegExp | undefined
}

/** Shorter texts stand in innocent sentences too. */
const shortest = 6
/** Bytes as few as a cancel key's are looked for as whole words only. */
const fewBytes = 8
/** A file may pass any number of distinct values; the first ones are enough. */
const mostKnown = 20_000
/** characters that tell candidates from the rest of a text, the first ones of every form */
const prefixLength = 4
const prefixes = 1 << 16

const prefixAt = (text: string, at: number): number => {
  let hash = 0
  for (let i = at; i < at + prefixLength; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash & (prefixes - 1)
}

const base64Digit = /[A-Za-z0-9+/]/
const hexDigit = /[0-9a-fA-F]/
const listed = /[0-9,]/
const digit = /[0-9]/

type FormOfSecret = readonly [form: string, text: string, wordOf: RegExp | undefined]

const formsOf = (secret: Uint8Array | string): ReadonlyArray<FormOfSecret> => {
  const bytes = Buffer.from(secret)
  const inWords = (pattern: RegExp): RegExp | undefined => (bytes.length <= fewBytes ? pattern : undefined)
  const forms: Array<FormOfSecret> = [
    [", base64", bytes.toString("base64").replace(/=+$/, ""), inWords(base64Digit)],
    [", hexadecimal", bytes.toString("hex"), inWords(hexDigit)],
    [", as a list", [...bytes].join(", "), inWords(listed)],
    [", as JSON", [...bytes].join(","), inWords(listed)]
  ]
  if (typeof secret === "string") forms.push(["", secret, undefined])
  if (bytes.length === 4) forms.push([", as a number", String(bytes.readUInt32BE()), digit])
  return forms
}

/** Zeros, a counter: bytes of a script, which stand in many a place. */
const isGuessable = (bytes: Uint8Array): boolean => new Set(bytes).size < Math.min(4, bytes.length)

export class Secrets {
  private readonly names = new Map<string, string>()
  private readonly byPrefix = new Map<number, Array<Known>>()
  private readonly hasPrefix = new Uint8Array(prefixes)

  get size(): number {
    return this.names.size
  }

  /** Learns a secret in all its forms. What is too short or too plain to be told from ordinary text is left out. */
  add(name: string, secret: Uint8Array | string): void {
    if (secret.length === 0 || this.names.size >= mostKnown) return
    if (typeof secret !== "string" && isGuessable(secret)) return
    if (typeof secret === "string" && this.names.has(secret)) return
    for (const [form, text, wordOf] of formsOf(secret)) this.put(name + form, text, wordOf)
  }

  /** Learns the text alone, in no other form. */
  addText(name: string, text: string): void {
    this.put(name, text, undefined)
  }

  /** What is looked for under a name: for tests of the canary itself. */
  textsOf(name: string): ReadonlyArray<string> {
    return [...this.names].filter(([, known]) => known === name).map(([text]) => text)
  }

  /** The names of all that was found in a text, each once. */
  find(text: string): ReadonlyArray<Leak> {
    const found = new Map<string, Leak>()
    if (this.names.size === 0) return []
    for (let at = 0; at + prefixLength <= text.length; at++) {
      const prefix = prefixAt(text, at)
      if (this.hasPrefix[prefix] === 0) continue
      for (const known of this.byPrefix.get(prefix) ?? []) {
        if (!text.startsWith(known.text, at) || !isWhole(text, at, known)) continue
        if (!found.has(known.name)) found.set(known.name, { secret: known.name, excerpt: excerptOf(text, at, known) })
      }
    }
    return [...found.values()]
  }

  private put(name: string, text: string, wordOf: RegExp | undefined): void {
    if (text.length < shortest || this.names.has(text)) return
    this.names.set(text, name)
    const prefix = prefixAt(text, 0)
    this.hasPrefix[prefix] = 1
    const others = this.byPrefix.get(prefix)
    if (others === undefined) this.byPrefix.set(prefix, [{ name, text, wordOf }])
    else others.push({ name, text, wordOf })
  }
}

const isWhole = (text: string, at: number, { text: secret, wordOf }: Known): boolean =>
  wordOf === undefined || (!wordOf.test(text.charAt(at - 1)) && !wordOf.test(text.charAt(at + secret.length)))

const excerptOf = (text: string, at: number, { text: secret }: Known): string => {
  const before = text.slice(Math.max(0, at - 120), at)
  return `…${before}[here]${text.slice(at + secret.length, at + secret.length + 40)}…`.replaceAll(secret, "[here]")
}
