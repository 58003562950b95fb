// Vitest's setup file: after every test of whatever connects, asks or reads settings, the canary says whether a secret has shown, and the test
// fails if one has. Other tests have no secrets, and are spared the import.
import { afterAll, afterEach, expect, inject } from "vitest"

const { testPath = "" } = expect.getState()
const isOfClient = !/\/packages\/(?:protocol|codecs)\//.test(testPath)
const connects = isOfClient && /\.(?:server|scripted)\.test\.ts$|\/client\/test\/(?:startup|pool)\//.test(testPath)

if (connects || (isOfClient && /settings/i.test(testPath))) {
  const { install, secrets, takeFindings } = await import("./watch.ts")
  install()
  if (connects) (await import("./watchEngine.ts")).installEngine()
  for (const { password } of inject("postgres") ?? []) secrets.add("the server's password", password)

  const judge = (): void => {
    const [first, ...others] = takeFindings()
    if (first === undefined) return
    const more = others.map(({ secret, where }) => `\n  ${secret} in ${where}`)
    throw new Error(`${first.secret} shows in ${first.where}: ${first.excerpt}${more.slice(0, 20).join("")}`)
  }
  afterEach(judge)
  afterAll(judge)
}
