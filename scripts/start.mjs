// `npm start`: sets up if need be, then runs the quickstart. On an in-process PGlite, or on the server that DATABASE_URL
// names. Arguments and exit code are the quickstart's.
import { setUp } from "./setup.mjs"
import { runTool } from "./setup-tools.mjs"

await setUp()
const { code } = await runTool("tsx", ["packages/examples/src/quickstart/main.ts", ...process.argv.slice(2)])
process.exitCode = code
