// Which form a Schema takes of a server type: the encoded side chooses, the codec builds that form directly (design of values, §3). Knows
// nothing of columns or parameters.
import type { Codec } from "@pgfx/codecs"
import type * as SchemaAST from "effect/SchemaAST"
import { arrayFit, compositeFit, multirangeFit, rangeFit, recordFit } from "./containers.ts"
import { isAnything, isNothing, markOf, type Member, membersOf } from "./encoded.ts"
import { enumFindings } from "./enums.ts"
import { andThen, type Convert, type Direction, fit, type Fit, misfit, type Misfit } from "./Fit.ts"
import { jsonFit } from "./json.ts"
import { kindOf } from "./kind.ts"
import { nullable } from "./nulls.ts"
import { scalarFit, writeAnything } from "./scalar.ts"
import { memberName } from "./schemaName.ts"
import { type Wrapper, wrapperOf } from "./wrappers.ts"

const isOpaque = ({ node }: Member): boolean => node._tag === "Declaration" && markOf(node) === undefined

const containerFit = (direction: Direction, members: ReadonlyArray<Member>, codec: Codec): Fit | Misfit | undefined => {
  const { shape } = codec
  switch (shape._tag) {
    case "Array":
      return arrayFit(direction, members, shape, fitOf)
    case "Composite":
      return compositeFit(direction, members, codec, shape, fitOf)
    case "Record":
      return recordFit(direction, members)
    case "Range":
      return rangeFit(direction, members, shape.subtype, fitOf)
    case "Multirange":
      return multirangeFit(direction, members, shape.subtype, fitOf)
    default:
      return undefined
  }
}

const unfit = (direction: Direction, members: ReadonlyArray<Member>, codec: Codec): Misfit => {
  const names = [...new Set(members.map(memberName))].join(" | ")
  return direction === "read"
    ? misfit(`${codec.name} cannot be read as ${names}`)
    : misfit(`${names} is encoded, the server expects ${codec.name}`)
}

/** Members that are no wrappers, under a type with parts. */
const partedFit = (direction: Direction, members: ReadonlyArray<Member>, codec: Codec): Fit | Misfit => {
  if (direction === "write" && codec.writer() === undefined) return unfit(direction, members, codec)
  if (members.some((member) => isAnything(member) || isOpaque(member))) {
    return direction === "read" ? fit(codec.defaultForm) : fit(undefined, writeAnything)
  }
  const found = containerFit(direction, members, codec)
  if (found !== undefined) return found
  // the server parses a string, whatever the type
  const isText = direction === "write" && members.some((member) => kindOf(member) === "text")
  return isText ? fit(undefined) : unfit(direction, members, codec)
}

const isFit = (candidate: Fit | Misfit): candidate is Fit => candidate._tag === "Fit"

/** Several forms: for reading the type's default if a member takes it, else the first member's. A value to be written brings its own. */
const choose = (direction: Direction, fits: ReadonlyArray<Fit>, codec: Codec): Fit => {
  const chosen = fits.find(({ form }) => form === codec.defaultForm) ?? fits[0]!
  if (direction === "read" || fits.length === 1) return chosen
  const convert = fits.reduce<Convert | undefined>((all, one) => andThen(all, one.convert), undefined)
  const form = fits.find((one) => one.form === undefined) === undefined ? chosen.form : undefined
  return fit(form, convert, chosen.warnings)
}

const wrappedFit = (direction: Direction, { inner, unwrap, wrap }: Wrapper, codec: Codec): Fit | Misfit => {
  const content = fitOf(direction, [inner], codec)
  if (content._tag === "Misfit") return content
  if (direction === "read") return fit(content.form, andThen(content.convert, wrap), content.warnings)
  return fit(content.form, andThen(unwrap, nullable([inner], content.convert)), content.warnings)
}

/**
 * The form of `codec`'s values for an encoded side that may be any of `asts`, NULL aside. For reading the form is always named; for writing
 * `undefined` leaves it to the value.
 */
export const fitOf = (direction: Direction, asts: ReadonlyArray<SchemaAST.AST>, codec: Codec): Fit | Misfit => {
  const members = membersOf(asts).filter((member) => !isNothing(member))
  // nothing but NULL is ever read or written
  if (members.length === 0) return fit(direction === "read" ? codec.defaultForm : undefined)
  const wrappers = members.map(({ node }) => wrapperOf(node))
  const isWrapped = wrappers.some((wrapper) => wrapper !== undefined)
  if (!isWrapped && codec.forms.includes("jsonNumbers")) return jsonFit(direction, asts, codec.name)
  const bare = members.filter((_member, i) => wrappers[i] === undefined)
  const candidates: Array<Fit | Misfit> = wrappers.flatMap((wrapper) =>
    wrapper === undefined ? [] : [wrappedFit(direction, wrapper, codec)]
  )
  if (bare.length > 0) {
    if (codec.forms.includes("jsonNumbers")) {
      candidates.push(
        jsonFit(
          direction,
          bare.map(({ node }) => node),
          codec.name
        )
      )
    } else if (codec.shape._tag === "Scalar" || codec.shape._tag === "Enum") {
      candidates.push(...bare.map((member) => scalarFit(direction, member, codec)))
    } else candidates.push(partedFit(direction, bare, codec))
  }
  const fits = candidates.filter(isFit)
  if (fits.length === 0) {
    const [only] = candidates
    return candidates.length === 1 && only?._tag === "Misfit" ? only : unfit(direction, members, codec)
  }
  return codec.shape._tag === "Enum"
    ? enumFindings(choose(direction, fits, codec), members, codec.name, codec.shape.labels)
    : choose(direction, fits, codec)
}
