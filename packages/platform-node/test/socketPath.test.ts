import { describe, expect, it } from "vitest"
import { isSocketDirectory, type Runtime, socketPath } from "../src/socketPath.ts"

const linux: Runtime = { platform: "linux", major: 24 }

describe("a host that is a directory", () => {
  it("holds a socket with the port in its name", () => {
    expect(socketPath("/run/postgresql", 5433, linux)).toEqual({
      name: "/run/postgresql/.s.PGSQL.5433",
      path: "/run/postgresql/.s.PGSQL.5433",
      issue: undefined
    })
  })

  it("has no file on Linux if it begins with an at-sign", () => {
    const { issue, name, path } = socketPath("@pgfx", 5432, linux)
    expect(name).toBe("@pgfx/.s.PGSQL.5432")
    expect(path).toBe("\0pgfx/.s.PGSQL.5432")
    expect(issue).toBeUndefined()
    expect(socketPath("@pgfx", 5432, { ...linux, platform: "darwin" }).issue).toContain("exist on Linux only")
    expect(socketPath("@pgfx", 5432, { ...linux, major: 20 }).issue).toContain("need Node 22")
  })

  it("is refused where the system would cut its path, counted in bytes", () => {
    const rest = "/.s.PGSQL.5432".length
    for (const [platform, most] of [
      ["linux", 107],
      ["darwin", 103]
    ] as const) {
      const fits = `/${"d".repeat(most - rest - 1)}`
      expect(socketPath(fits, 5432, { ...linux, platform }).issue).toBeUndefined()
      expect(socketPath(`${fits}d`, 5432, { ...linux, platform }).issue).toBe(
        `the path of the socket has ${most + 1} bytes, ${most} is the most`
      )
    }
    expect(socketPath(`/${"ü".repeat(50)}`, 5432, linux).issue).toContain("115 bytes")
  })

  it("is told from a name by its first character", () => {
    expect(["/tmp", "@tmp", "tmp", "127.0.0.1", "::1"].map(isSocketDirectory)).toEqual([
      true,
      true,
      false,
      false,
      false
    ])
  })
})
