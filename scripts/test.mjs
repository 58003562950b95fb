// `npm test`: sets up if need be, then runs every test once: pure, scripted, and against a real PostgreSQL 18.
// Arguments go to vitest (`npm test -- --project pure`, a file name, `-t words`); PGFX_POSTGRES=14,15,16,17,18 names the
// servers; PGFX_SEED=random draws the values of property tests anew. The last line counts the tests and is the same for
// people and machines; the exit code is 0 only if none failed.
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setUp } from "./setup.mjs"
import { root, runTool } from "./setup-tools.mjs"

const report = join(root, ".cache", "test-report.json")

/**
 * Counts from vitest's JSON report. A file that could not even be loaded has no tests, and an error outside of every test
 * belongs to none: each such file counts as one failure, and a bad exit code never goes with "0 failed".
 */
const countTests = (exitCode) => {
  let counts = { passed: 0, failed: 0, skipped: 0 }
  try {
    const { numFailedTests, numPassedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, "utf8")
    )
    const broken = testResults.filter(
      (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed")
    )
    counts = {
      passed: numPassedTests,
      failed: numFailedTests + broken.length,
      skipped: numPendingTests + numTodoTests
    }
  } catch {
    process.stderr.write("vitest ended without a report.\n")
  }
  return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts
}

await setUp()
mkdirSync(join(root, ".cache"), { recursive: true })
rmSync(report, { force: true })
const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...process.argv.slice(2)]
const { code } = await runTool("vitest", args)
const { failed, passed, skipped } = countTests(code)
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exitCode = code === 0 && failed > 0 ? 1 : code
