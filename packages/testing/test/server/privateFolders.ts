// The harness's folders inside a temp folder of the test's own, so that caches and sweeps of other runs stay out of it.
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { serverIdentity } from "../../src/server/serverIdentity.ts"
import { prepareFolders } from "../../src/server/temporaryFolders.ts"
import type { Folders } from "../../src/server/temporaryFolders.ts"

/** Called while a suite is collected; removed after it. */
export const privateFolders = (): Folders => {
  const temp = mkdtempSync(join(tmpdir(), "pgfx-folders-"))
  chmodSync(temp, 0o755)
  afterAll(() => rmSync(temp, { recursive: true, force: true }))
  const usual = process.env.TMPDIR
  process.env.TMPDIR = temp
  try {
    return prepareFolders(serverIdentity())
  } finally {
    if (usual === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = usual
  }
}
