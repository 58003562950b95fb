// Y-10: a row that no server takes. PostgreSQL builds a row in one buffer of 1 GB at most (`MaxAllocSize`); its error comes while we are still
// sending. 1.1 GB through the loopback, and a gigabyte of the server's memory: in the long profile only.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Copy, Query, Session } from "pgfx"
import { inject } from "vitest"
import { isLong, withinMinutes } from "../faults/profile.ts"
import { healthy, single } from "../faults/session.ts"

const piece = new TextEncoder().encode("x".repeat(1024 * 1024))

describe.runIf(isLong)("Y-10: a row above 1 GB", () => {
  for (const server of inject("postgres")) {
    it.live(
      `is PostgreSQL ${server.majorVersion}'s error, with the connection healthy and nothing loaded`,
      () =>
        Effect.gen(function* () {
          yield* Query.command`CREATE TEMP TABLE lines (line text)`()
          let given = 0
          const source = Stream.repeatEffect(Effect.sync(() => (given++, piece))).pipe(Stream.take(1_100))
          const error = yield* Effect.flip(Stream.run(source, Copy.inBytes`COPY lines FROM STDIN`))
          assert.strictEqual(error._tag === "Broken", false, error.message)
          assert.strictEqual(error.outcome, "RolledBack", error.message)
          const report = "report" in error.reason ? error.reason.report : undefined
          assert.include(["54000", "53200"], report?.sqlState, error.message)
          // the server has to have refused it, not we
          assert.isAbove(given, 900)
          yield* healthy
        }).pipe(Session.pin, Effect.provide(single(server))),
      withinMinutes(3, 3)
    )
  }
})

if (!isLong)
  process.stdout.write(
    "A row above 1 GB (Y-10) is left to PGFX_PROFILE=long: it takes a gigabyte of the server's memory.\n"
  )
