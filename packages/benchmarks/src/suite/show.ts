// Results as tables for people.
import { showSpread, showTable } from "../spread.ts"
import { limits } from "./scenarios.ts"
import type { GrowthResult, SuiteResult } from "./suite.ts"

const perSecond = (value: number): string => Math.round(value).toLocaleString("en")
const mebibytes = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`

export const showSuiteResult = ({ goals, rounds, standings, title, unit, units }: SuiteResult): string => {
  const rows = standings.map(({ cpuPerUnit, cpuRatio, name, ratio, rssGrowth, unitsPerSecond, version }, i) => [
    `${name} ${version}`,
    perSecond(unitsPerSecond.median),
    i === 0 ? "" : showSpread(ratio, 2),
    ...(limits.has(name)
      ? ["", "", ""]
      : [cpuPerUnit.median.toFixed(2), i === 0 ? "" : showSpread(cpuRatio, 2), mebibytes(rssGrowth)])
  ])
  const head = ["", `${unit}/s`, "pgfx ÷ it, speed", `CPU µs/${unit}`, "it ÷ pgfx, CPU", "RSS growth"]
  return [
    `${title}: ${units.toLocaleString("en")} units, ${rounds} rounds, median (min to max)`,
    showTable(head, rows),
    ...goals.map(
      ({ ratio, reached, text }) => `  goal ${text}: ${ratio.toFixed(2)}, ${reached ? "reached" : "NOT reached"}`
    ),
    ""
  ].join("\n")
}

export const showGrowth = ({ axis, curves, tellsMemory, title, unit }: GrowthResult): string => {
  const at = curves[0]?.points.map((point) => point.at) ?? []
  const rows = curves.map(({ name, points }) => [
    name,
    ...points.map(
      ({ cpu, micros, rssGrowth }) =>
        `${micros.toPrecision(3)} (${cpu.toPrecision(3)})${tellsMemory ? ` ${mebibytes(rssGrowth)}` : ""}`
    )
  ])
  return [
    `cost as work grows, ${title}: µs per ${unit} (of them CPU of the client)${tellsMemory ? ", growth of its memory" : ""}`,
    showTable(["", ...at.map((value) => `${value.toLocaleString("en")} ${axis}`)], rows),
    ""
  ].join("\n")
}
