// Finds the imports of a TypeScript source text, by reading its tokens: no dependency, no compiler (TypeScript 7 has no
// JavaScript API). Comments, strings, templates and regular expressions are told apart; nothing else is understood.

const wordStart = /[\p{ID_Start}$_#@]/u
const word = /[\p{ID_Continue}$_#@]+/uy
/** After these a slash begins a regular expression; after any other word it divides. */
const beforeRegExp = new Set(
  "return typeof instanceof in of new delete void throw case do else yield await default extends".split(" ")
)

const afterLineComment = (text, at) => {
  const end = text.indexOf("\n", at)
  return end < 0 ? text.length : end
}

const afterBlockComment = (text, at) => {
  const end = text.indexOf("*/", at + 2)
  return end < 0 ? text.length : end + 2
}

/** A string ends at its quote or, if it was none after all (an apostrophe in a regular expression), at the line's end. */
const afterQuoted = (text, at, quote) => {
  let end = at + 1
  while (end < text.length && text[end] !== quote && text[end] !== "\n") end += text[end] === "\\" ? 2 : 1
  return end + 1
}

const afterRegExp = (text, at) => {
  let inClass = false
  let end = at + 1
  for (; end < text.length && text[end] !== "\n"; end++) {
    if (text[end] === "\\") end++
    else if (text[end] === "[") inClass = true
    else if (text[end] === "]") inClass = false
    else if (text[end] === "/" && !inClass) break
  }
  return end + 1
}

/** Skips the text of a template up to its end or to the next `${`; says which it was. */
const afterTemplateText = (text, at) => {
  let end = at
  for (; end < text.length; end++) {
    if (text[end] === "\\") end++
    else if (text[end] === "`") return { end: end + 1, opens: false }
    else if (text[end] === "$" && text[end + 1] === "{") return { end: end + 2, opens: true }
  }
  return { end, opens: false }
}

const slashDivides = (previous) =>
  previous !== undefined &&
  (previous.kind === "string" ||
    (previous.kind === "word" && !beforeRegExp.has(previous.text)) ||
    (previous.kind === "mark" && (previous.text === ")" || previous.text === "]" || previous.text === "}")))

/** Tokens `{ kind: "word" | "string" | "mark", text, at }`; for strings `text` is the content. */
const tokensOf = (text) => {
  const tokens = []
  /** Depth of braces at which each open template goes on. */
  const templates = []
  let depth = 0
  const template = (at) => {
    const { end, opens } = afterTemplateText(text, at)
    if (opens) templates.push(depth++)
    else tokens.push({ kind: "string", text: undefined, at })
    return end
  }
  for (let at = 0; at < text.length;) {
    const char = text[at]
    if (/\s/.test(char)) at++
    else if (text.startsWith("//", at)) at = afterLineComment(text, at)
    else if (text.startsWith("/*", at)) at = afterBlockComment(text, at)
    else if (char === '"' || char === "'") {
      const end = afterQuoted(text, at, char)
      tokens.push({ kind: "string", text: text.slice(at + 1, end - 1), at })
      at = end
    } else if (char === "`") at = template(at + 1)
    else if (char === "}" && templates.at(-1) === depth - 1) {
      depth = templates.pop()
      at = template(at + 1)
    } else if (char === "/" && !slashDivides(tokens.at(-1))) {
      const end = afterRegExp(text, at)
      tokens.push({ kind: "string", text: undefined, at })
      at = end
    } else if (wordStart.test(char) || /\d/.test(char)) {
      word.lastIndex = at
      const [text_] = word.exec(text) ?? [char]
      tokens.push({ kind: "word", text: text_, at })
      at += text_.length
    } else {
      if (char === "{") depth++
      if (char === "}") depth--
      tokens.push({ kind: "mark", text: char, at })
      at++
    }
  }
  return tokens
}

const is = (token, text) => token !== undefined && token.kind !== "string" && token.text === text

/** From `import …` or `export …` to its `from "…"`; undefined if the statement has none. */
const findFrom = (tokens, start) => {
  for (let index = start; index < tokens.length && index < start + 10_000; index++) {
    const token = tokens[index]
    if (is(token, "from") && tokens[index + 1]?.kind === "string") return tokens[index + 1]
    // What may stand between: names, commas, braces, *, as, type, and strings as names.
    const allowed = token.kind === "word" || token.kind === "string" || /^[{},*]$/.test(token.text)
    if (!allowed || is(token, "const") || is(token, "function") || is(token, "class")) return undefined
  }
  return undefined
}

/**
 * Every import of a source text, in order: `{ specifier, line, erased }`. `erased` is true for `import type` and
 * `export type`, which leave no trace at run time, and for `import("…")`, which loads nothing while its file loads.
 */
export const importsOf = (text) => {
  const tokens = tokensOf(text)
  const found = []
  const add = (token, erased) => {
    if (token?.kind !== "string" || token.text === undefined) return
    const line = text.slice(0, token.at).split("\n").length
    found.push({ specifier: token.text, line, erased })
  }
  tokens.forEach((token, index) => {
    if (token.kind !== "word" || is(tokens[index - 1], ".")) return
    const next = tokens[index + 1]
    if (token.text === "import") {
      if (next?.kind === "string") add(next, false)
      else if (is(next, "(")) add(tokens[index + 2], true)
      else add(findFrom(tokens, index + 1), is(next, "type") && !is(tokens[index + 2], "from"))
    } else if (token.text === "export" && (is(next, "*") || is(next, "{") || is(next, "type"))) {
      add(findFrom(tokens, index + 1), is(next, "type"))
    } else if (token.text === "require" && is(next, "(")) add(tokens[index + 2], false)
  })
  return found
}
