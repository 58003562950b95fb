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

/** Bytes of `sun_path` without its final NUL. */
const longest = (platform: NodeJS.Platform): number => (platform === "linux" ? 107 : 103)

/** Node 20 cuts a path that is too long and dials what is left (measured), which may be somebody else's socket. */
export const socketPath = (host: string, port: number, platform: NodeJS.Platform): SocketPath => {
  const name = `${host}/.s.PGSQL.${port}`
  const bytes = Buffer.byteLength(name)
  const limit = longest(platform)
  const abstract = name.startsWith("@")
  const issue =
    bytes > limit
      ? `the path of the socket has ${bytes} bytes, ${limit} is the most`
      : abstract && platform !== "linux"
        ? "abstract sockets exist on Linux only"
        : undefined
  return { name, path: abstract ? `\0${name.slice(1)}` : name, issue }
}
