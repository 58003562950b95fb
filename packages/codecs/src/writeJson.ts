// Values as JSON text: JSON.stringify where it is exact, a writer of our own for bigint and exact digits, and a refusal where JSON.stringify would
// change a value in silence. The way back is JsonText.ts.
import { JsonNumber, maxJsonDepth } from "./JsonText.ts"
import { notTaken, refused } from "./ValueError.ts"

/**
 * Refuses what JSON cannot say: what JSON.stringify would refuse, or turn into something else in silence (NaN, bytes, maps, undefined in an
 * array). `true`: JSON.stringify writes the rest exactly; `false`: there are bigints, JsonNumbers or -0 in it.
 */
export const checkJson = (type: string, value: unknown): boolean => {
  if (value === undefined || typeof value === "function" || typeof value === "symbol") throw notTaken(type, value)
  return check(type, "", value, 0)
}

interface ToJson {
  readonly toJSON: (key: string) => unknown
}
const hasToJson = (value: object): value is ToJson => "toJSON" in value && typeof value.toJSON === "function"

const isAbsent = (value: unknown): boolean =>
  value === undefined || typeof value === "function" || typeof value === "symbol"

const check = (type: string, key: string | number, input: unknown, depth: number): boolean => {
  switch (typeof input) {
    case "string":
    case "boolean":
      return true
    case "number":
      // JSON.stringify makes null of these, in silence
      if (!Number.isFinite(input)) throw refused(type, input, "NaN and the infinities have no JSON form")
      return !Object.is(input, -0)
    case "bigint":
      return false
    case "object":
      return input === null || checkObject(type, key, input, depth)
    default:
      // a member that JSON.stringify leaves out
      return true
  }
}

const checkObject = (type: string, key: string | number, input: object, depth: number): boolean => {
  if (input instanceof JsonNumber) return false
  if (depth >= maxJsonDepth) {
    throw refused(type, input, `nested deeper than ${maxJsonDepth} levels, or in a circle`)
  }
  if (hasToJson(input)) return check(type, key, input.toJSON(String(key)), depth + 1)
  if (ArrayBuffer.isView(input) || input instanceof Map || input instanceof Set) {
    throw refused(type, input, "bytes, maps and sets have no JSON form", "make it a string, an array or an object")
  }
  let isPlain = true
  if (Array.isArray(input)) {
    for (let i = 0; i < input.length; i++) {
      const item: unknown = input[i]
      if (isAbsent(item)) throw refused(type, item, "an array element that has no JSON form", "use null")
      if (!check(type, i, item, depth + 1)) isPlain = false
    }
    return isPlain
  }
  for (const name of Object.keys(input)) {
    if (!check(type, name, Reflect.get(input, name), depth + 1)) isPlain = false
  }
  return isPlain
}

/** JSON text of a value: bigint and JsonNumber as their digits, otherwise as JSON.stringify would. See `checkJson` for what is refused. */
export const writeJson = (type: string, value: unknown): string => {
  const text = checkJson(type, value) ? JSON.stringify(value) : write("", value)
  // a toJSON that answers undefined
  if (text === undefined) throw notTaken(type, undefined)
  return text
}

/** Of a value that `checkJson` let through. */
const write = (key: string, input: unknown): string | undefined => {
  if (input instanceof JsonNumber) return input.digits
  const value = typeof input === "object" && input !== null && hasToJson(input) ? input.toJSON(key) : input
  if (value instanceof JsonNumber) return value.digits
  if (typeof value === "bigint") return value.toString()
  if (Object.is(value, -0)) return "-0"
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item, i) => write(String(i), item) ?? "null").join(",")}]`
  const members: Array<string> = []
  for (const name of Object.keys(value)) {
    const member = write(name, Reflect.get(value, name))
    if (member !== undefined) members.push(`${JSON.stringify(name)}:${member}`)
  }
  return `{${members.join(",")}}`
}
