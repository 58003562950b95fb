// libpq's rule for Unix sockets: a host that begins with a slash is a directory, and the socket in it carries the port in its name;
// with an at-sign instead it is a Linux socket without a file. Nothing is opened here.
// Source: `UNIXSOCK_PATH` in include/libpq/pqcomm.h, `getaddrinfo_unix` in common/ip.c.

export const isSocketDirectory = (host: string): boolean => host.startsWith("/") || host.startsWith("@")

export interface SocketPath {
  /** as a person writes it */
  readonly name: string
  /** as Node takes it: an abstract socket begins with NUL */
  readonly path: string
  /** why it cannot be dialled */
  readonly issue: string | undefined
}

export interface Runtime {
  readonly platform: NodeJS.Platform
  /** of Node, or of the Node that another runtime stands in for */
  readonly major: number
}

/** Bytes of `sun_path` without its final NUL. */
const longest = (platform: NodeJS.Platform): number => (platform === "linux" ? 107 : 103)

/** Node 20 fills an abstract name with zeros up to the end of `sun_path`, 22 and 24 do not (measured): another name. */
const abstractIssue = ({ major, platform }: Runtime): string | undefined => {
  if (platform !== "linux") return "sockets without a file exist on Linux only"
  return major < 22 ? "sockets without a file need Node 22 or later" : undefined
}

/** Node 20 cuts a path that is too long and dials what is left (measured), which may be somebody else's socket. */
export const socketPath = (host: string, port: number, runtime: Runtime): SocketPath => {
  const name = `${host}/.s.PGSQL.${port}`
  const bytes = Buffer.byteLength(name)
  const limit = longest(runtime.platform)
  const abstract = name.startsWith("@")
  const tooLong = bytes > limit ? `the path of the socket has ${bytes} bytes, ${limit} is the most` : undefined
  return {
    name,
    path: abstract ? `\0${name.slice(1)}` : name,
    issue: tooLong ?? (abstract ? abstractIssue(runtime) : undefined)
  }
}
