// What COPY needs of memory does not depend on how much is copied: 64 MB in `npm test`, 1 GB in the long profile.
import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { inject } from "vitest"
import { amount, isLong, withinMinutes } from "../faults/profile.ts"

const run = promisify(execFile)
const program = fileURLToPath(new URL("memory.ts", import.meta.url))
const megabytes = amount(64, 1024)
/** Most of it is what the collector has not come to: 12 MiB in a short run, 27 in a long one (Node 20). */
const mostMiB = 32

for (const server of inject("postgres")) {
  describe(`PostgreSQL ${server.majorVersion}`, () => {
    it(
      `copies ${megabytes} MB out and in with less than ${mostMiB} MiB of memory`,
      async () => {
        const { stdout } = await run(process.execPath, ["--import", "tsx", program, server.url, String(megabytes)], {
          timeout: withinMinutes(0.9, 9)
        })
        const told: unknown = JSON.parse(stdout)
        if (isLong) process.stdout.write(`COPY of ${megabytes} MB: ${stdout}`)
        const both = Object.entries(Object(told))
        assert.deepStrictEqual(
          both.map(([way]) => way),
          ["out", "in"]
        )
        for (const [way, measured] of both) {
          const { growthMiB } = Object(measured)
          assert.isBelow(growthMiB, mostMiB, `${way}: ${JSON.stringify(measured)}`)
        }
      },
      withinMinutes(1, 10)
    )
  })
}
