// Golden sessions: what real servers and this client said to one another, frame by frame, as text that can be reviewed. One file per session and
// major version: the transcript of each frame, its bytes in hexadecimal below it. Written by scripts/capture-goldens.ts, never by hand.
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import {
  type Direction,
  encodeBackend,
  encodeFrontend,
  expectedAnswer,
  joinChunks,
  makeBackendDecoder,
  makeFrontendDecoder,
  protocol30,
  type TranscriptOptions,
  transcriptLines
} from "../../src/index.ts"

export interface GoldenFrame {
  readonly direction: Direction
  readonly bytes: Uint8Array
}

export interface Golden {
  /** PostgreSQL's major version */
  readonly major: number
  readonly name: string
  /** `startUp`: with the client's first packet; `ready`: after the first ReadyForQuery */
  readonly begins: "startUp" | "ready"
  /** in the order in which they were said, as far as the client could tell */
  readonly frames: ReadonlyArray<GoldenFrame>
}

/** Everything is shown but what differs from run to run, so that two captures differ where the servers do. */
const shown: TranscriptOptions = { values: "show", regress: true, maxLineLength: 4000 }

const nothing = new Uint8Array(0)

/** What brings a fresh decoder of `direction` to where the session begins. */
export const preludeOf = ({ begins }: Golden, direction: Direction): Uint8Array => {
  if (begins === "startUp") return nothing
  return direction === "F"
    ? encodeFrontend({ _tag: "StartupMessage", protocolVersion: protocol30, parameters: [] })
    : joinChunks([encodeBackend({ _tag: "AuthenticationOk" }), encodeBackend({ _tag: "ReadyForQuery", status: "I" })])
}

/** What one side said. */
export const bytesOf = (golden: Golden, direction: Direction): Uint8Array =>
  joinChunks(golden.frames.filter((frame) => frame.direction === direction).map(({ bytes }) => bytes))

/** The session as lines, a line per frame: read by one decoder per side, each frame when it was said. */
export const transcriptOf = (golden: Golden): ReadonlyArray<string> => {
  const client = makeFrontendDecoder()
  const server = makeBackendDecoder()
  client.push(preludeOf(golden, "F"))
  server.push(preludeOf(golden, "B"))
  return golden.frames.flatMap(({ bytes, direction }) => {
    if (direction === "F") return client.push(bytes).flatMap((message) => transcriptLines("F", message, shown))
    return server.push(bytes).flatMap((message) => {
      const expected = expectedAnswer(message)
      if (expected !== undefined) client.expectAuthentication(expected)
      return transcriptLines("B", message, shown)
    })
  })
}

// ---- as text

const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

/** Bytes in a line of a file. */
const width = 50

const headline = ({ begins, major, name }: Golden): string =>
  `# PostgreSQL ${major}, ${name}, from ${begins === "ready" ? "the first ReadyForQuery" : "the first packet"} on`

export const renderGolden = (golden: Golden): string => {
  const lines = transcriptOf(golden)
  if (lines.length !== golden.frames.length) throw new Error(`${golden.name}: not one message per frame`)
  const blocks = golden.frames.map(({ bytes }, i) => {
    const rows = toHex(bytes).match(new RegExp(`.{1,${2 * width}}`, "g")) ?? []
    return `${lines[i]}\n${rows.map((row) => `  ${row}\n`).join("")}`
  })
  return `${headline(golden)}\n${blocks.join("")}`
}

/** A file as the session, and the transcript that stands in it. */
export const parseGolden = (text: string): { readonly golden: Golden; readonly transcript: ReadonlyArray<string> } => {
  const [head = "", ...lines] = text.trimEnd().split("\n")
  const [, major, name, begins] = /^# PostgreSQL (\d+), ([\w.-]+), from (the first \w+) on$/.exec(head) ?? []
  if (major === undefined || name === undefined) throw new Error(`not a golden session: ${head}`)
  const transcript: Array<string> = []
  const hex: Array<string> = []
  for (const line of lines) {
    if (line.startsWith("  ")) hex[hex.length - 1] += line.trim()
    else {
      transcript.push(line)
      hex.push("")
    }
  }
  const frames = transcript.map((line, i) => ({
    direction: line.startsWith("F") ? ("F" as const) : ("B" as const),
    bytes: fromHex(hex[i] ?? "")
  }))
  return {
    golden: { major: Number(major), name, begins: begins === "the first packet" ? "startUp" : "ready", frames },
    transcript
  }
}

// ---- the corpus

export const goldenFolder = fileURLToPath(new URL("./", import.meta.url))

/** Every stored session, as the text of its file. */
export const goldenTexts = (): ReadonlyArray<{ readonly file: string; readonly text: string }> =>
  readdirSync(goldenFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((folder) => readdirSync(`${goldenFolder}${folder.name}`).map((name) => `${folder.name}/${name}`))
    .sort()
    .map((file) => ({ file, text: readFileSync(`${goldenFolder}${file}`, "utf8") }))
