// The parameters of a statement by number, name and type: `$1 population int4, $2 region text   (values not recorded)`.
import type { ParameterInfo } from "../../PostgresError.ts"
import { oneLine } from "./plainText.ts"

const most = 20

const one = ({ name, type, value }: ParameterInfo, index: number, showValues: boolean): string =>
  [
    `$${index + 1}`,
    oneLine(name, 60),
    ...(type === undefined ? [] : [oneLine(type, 60)]),
    ...(showValues && value !== undefined ? ["=", oneLine(value, 100)] : [])
  ].join(" ")

/** Values only if `showValues` says so *and* the value is there: whoever makes the error needs both hands to show one. */
export const withParameters = (parameters: ReadonlyArray<ParameterInfo>, showValues: boolean): string => {
  const listed = parameters.slice(0, most).map((parameter, index) => one(parameter, index, showValues))
  const hidden = parameters.length - listed.length
  const recorded = showValues && parameters.some((parameter) => parameter.value !== undefined)
  return `${listed.join(", ")}${hidden === 0 ? "" : `, … (${hidden} more)`}${recorded ? "" : "   (values not recorded)"}`
}
