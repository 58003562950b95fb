// Results as pictures: a bar for each contestant of each scenario, and a curve for each contestant of each growth. Drawn by Vega-Lite, which the
// peers' folder installs; nothing here knows how the numbers were made.
import { mkdirSync, writeFileSync } from "node:fs"
import type { GrowthResult, SuiteReport, SuiteResult } from "./suite.ts"

/** The two modules as far as they are used; they are not installed for the type checker. */
interface Drawing {
  readonly compile: (spec: object) => { readonly spec: object }
  readonly parse: (spec: object) => object
  readonly View: new (
    runtime: object,
    options: { readonly renderer: "none" }
  ) => { readonly toSVG: () => Promise<string> }
}

const load = async (): Promise<Drawing> => {
  const from = (path: string): Promise<unknown> =>
    import(new URL(`../../peers/node_modules/${path}`, import.meta.url).href)
  const [lite, vega] = await Promise.all([from("vega-lite/build/index.js"), from("vega/build/vega.module.js")])
  // modules without types here; a wrong guess fails at the first picture
  return { ...(vega as Omit<Drawing, "compile">), compile: (lite as Pick<Drawing, "compile">).compile }
}

/** White under everything and black on it: readable on a page that is dark, too. */
const style = {
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  background: "white",
  padding: 12,
  config: { view: { stroke: null }, axis: { labelFontSize: 11, titleFontSize: 11 }, title: { fontSize: 12 } }
}

/** How long others take for what takes pgfx 1: longer bars are slower. A chart of its own for each scenario: each has its own scale. */
const barsOf = (results: ReadonlyArray<SuiteResult>): object => ({
  ...style,
  title: "time per unit, pgfx = 1 (median of rounds; the line: fastest and slowest round)",
  columns: 3,
  concat: results.map(({ standings, title }) => ({
    title,
    width: 220,
    height: { step: 18 },
    data: {
      values: standings.map(({ name, ratio: { max, median, min } }) => ({ name, median, min, max }))
    },
    encoding: { y: { field: "name", type: "nominal", title: null, sort: null } },
    layer: [
      {
        mark: "bar",
        encoding: {
          x: { field: "median", type: "quantitative", title: "time ÷ pgfx's time" },
          color: {
            condition: { test: "indexof(datum.name, 'pgfx') === 0", value: "#2f6fde" },
            value: "#b9c2cf"
          }
        }
      },
      {
        mark: { type: "rule", strokeWidth: 1.5, color: "#444" },
        encoding: { x: { field: "min", type: "quantitative" }, x2: { field: "max" } }
      }
    ]
  }))
})

const curvesOf = (growths: ReadonlyArray<GrowthResult>): object => ({
  ...style,
  title: "cost as work grows",
  columns: 3,
  concat: growths.map(({ axis, curves, title, unit }) => ({
    title,
    width: 230,
    height: 170,
    data: {
      values: curves.flatMap(({ name, points }) => points.map(({ at, micros }) => ({ name, at, micros })))
    },
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "at", type: "quantitative", scale: { type: "log" }, title: axis },
      y: { field: "micros", type: "quantitative", scale: { type: "log" }, title: `µs per ${unit}` },
      color: { field: "name", type: "nominal", title: null }
    }
  }))
})

/** Writes `bars.svg` and `curves.svg` into a folder, of what there is. */
export const drawPictures = async ({ growths, results }: SuiteReport, folder: string): Promise<void> => {
  const { View, compile, parse } = await load()
  const draw = async (name: string, spec: object): Promise<void> => {
    const svg = await new View(parse(compile(spec).spec), { renderer: "none" }).toSVG()
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${folder}${name}.svg`, `${svg}\n`)
  }
  if (results.length > 0) await draw("bars", barsOf(results))
  if (growths.length > 0) await draw("curves", curvesOf(growths))
}
