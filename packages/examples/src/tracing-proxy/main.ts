// node --import tsx packages/examples/src/tracing-proxy/main.ts 6543 127.0.0.1:5432
// Then: psql "host=127.0.0.1 port=6543 …", and read along here.
import { startTracingProxy } from "./tracingProxy.ts"

const [port = "6543", upstream = "127.0.0.1:5432"] = process.argv.slice(2)
const colon = upstream.lastIndexOf(":")

await startTracingProxy(Number(port), {
  upstream: { host: upstream.slice(0, colon), port: Number(upstream.slice(colon + 1)) },
  print: (line) => console.log(line)
})
console.log(`tracing 127.0.0.1:${port} → ${upstream}`)
