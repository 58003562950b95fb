// The three kinds of tests, by what they need: nothing, a scripted backend, a real PostgreSQL.
import { defineConfig } from "vitest/config"

const project = (name: string, include: ReadonlyArray<string>, more: object = {}) => ({
  test: {
    name,
    include: [...include],
    setupFiles: ["scripts/vitestSeed.ts", "packages/client/test/canary/setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    ...more
  }
})

export default defineConfig({
  test: {
    projects: [
      project("pure", ["packages/*/test/**/*.test.ts"], {
        exclude: ["**/*.scripted.test.ts", "**/*.server.test.ts", "**/node_modules/**"]
      }),
      project("scripted", ["packages/*/test/**/*.scripted.test.ts"]),
      project("server", ["packages/*/test/**/*.server.test.ts"], {
        globalSetup: ["packages/testing/src/vitestServer.ts"]
      })
    ]
  }
})
