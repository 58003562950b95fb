// `npm start`: what pgfx does, in one screen. On the embedded PGlite, or on a server of yours: DATABASE_URL=postgres://… npm start
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { NodePostgres } from "@pgfx/platform-node"
import { PGlitePostgres } from "@pgfx/platform-pglite"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Schema from "effect/Schema"
import { Query, Transaction } from "pgfx"
import * as Country from "./country.ts"

const say = (title: string, text: string) =>
  Console.log(`${title.padEnd(12)} ${text.replaceAll("\n", `\n${" ".repeat(13)}`)}`)

const program = Effect.gen(function* () {
  const version = yield* Query.one(Schema.String)`SELECT version()`()
  yield* say("connected", version.replace(/ on .*$/, ""))

  yield* Country.createTable
  yield* say("created", "table country")

  for (const [code, name, population] of [
    ["SE", "Sverige", 10_500_000],
    ["NO", "Norge", 5_500_000],
    ["IS", "Ísland", 390_000]
  ] as const) {
    const country = yield* Country.addCountry({ code, name, population })
    yield* say("inserted", `${country.name}, joined ${country.joinedAt.toISOString().slice(0, 10)}`)
  }

  const large = yield* Country.countriesAbove({ population: 1_000_000 })
  yield* say("selected", large.map((c) => `${c.name} (${c.population.toLocaleString("en")})`).join(", "))

  const again = yield* Effect.either(Country.addCountry({ code: "SE", name: "Sweden", population: 1 }))
  yield* say(
    "refused",
    again._tag === "Left" ? `${again.left._tag}: ${"code" in again.left ? again.left.code : ""}` : "nothing?"
  )

  const sum = yield* Country.everyNumber({ last: 10_000 }).pipe(Stream.runSum)
  yield* say("streamed", `10,000 rows, 1,000 at a time; their sum is ${sum.toLocaleString("en")}`)

  const before = yield* Country.countCountries()
  yield* Country.addCountry({ code: "DK", name: "Danmark", population: 5_900_000 }).pipe(
    Effect.zipRight(Effect.fail("changed my mind")),
    Transaction.run,
    Effect.catchAll((reason) => say("rolled back", `a transaction that inserted Danmark: ${String(reason)}`))
  )
  const after = yield* Country.countCountries()
  yield* say("counted", `${before} countries before, ${after} after`)

  const mistake = yield* Effect.flip(Country.withTypingError({ population: 1_000_000 }))
  yield* say("a mistake", String(mistake))

  yield* Country.dropTable()
})

const database = Layer.unwrapEffect(
  Effect.map(
    Config.option(Config.redacted("DATABASE_URL")),
    Option.match({
      onNone: () => PGlitePostgres.layer(),
      onSome: (url) => NodePostgres.layer({ url })
    })
  )
)

program.pipe(Effect.provide(database), NodeRuntime.runMain)
