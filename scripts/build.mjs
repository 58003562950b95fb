// `npm run build`: compiles every package to its dist folder. Arguments are passed to tsc (`--clean`, `--force`).
import { setUp } from "./setup.mjs"
import { runTool } from "./setup-tools.mjs"

await setUp()
const { code } = await runTool("typescript", ["-b", ...process.argv.slice(2)], { command: "tsc" })
process.exitCode = code
