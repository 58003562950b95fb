// Property tests draw the same values in every `npm test`, so that a change is judged by what it changes, and not by chance.
// The long profile draws anew each time, and so does `PGFX_SEED=random`; a number repeats a run (fast-check prints its seed on failure).
import * as fc from "fast-check"

const said = process.env["PGFX_SEED"] ?? (process.env["PGFX_PROFILE"] === "long" ? "random" : "20261122")

if (said !== "random") {
  const seed = Number(said)
  if (!Number.isInteger(seed)) throw new Error(`PGFX_SEED is "${said}": say "random" or a whole number.`)
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })
}
