// The canary of the whole suite (L-5, G19): learns every secret that comes by while tests run, and looks for all of them in whatever the client
// produces. It asks the tests for nothing: it hooks itself into where a program's output leaves (errors, log lines, spans, the console) and into
// where secrets enter: Redacted here, connections and queries in watchEngine.ts. Installed by setup.ts.
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import * as HashSet from "effect/HashSet"
import * as Logger from "effect/Logger"
import * as Tracer from "effect/Tracer"
import { Broken } from "../../src/PostgresError.ts"
import { inspected, printed } from "./printed.ts"
import { type Leak, Secrets } from "./Secrets.ts"

/** A secret in something that was produced. */
export interface Finding extends Leak {
  /** `"a log line"`, `"an error"` */
  readonly where: string
}

/** passwords, keys, proofs: nothing may show them, whatever the settings say */
export const secrets = new Secrets()
/** values of parameters: shown where the settings or the options of Tracing ask for it */
export const parameters = new Secrets()

let found: Array<Finding> = []

const mayShowValues = (error: unknown): boolean =>
  error instanceof Error && Reflect.get(error, Symbol.for("pgfx/PostgresError/options"))?.()?.showValues === true

const look = (where: string, text: string, valuesAllowed = false): void => {
  for (const leak of secrets.find(text)) found.push({ ...leak, where })
  if (valuesAllowed) return
  for (const leak of parameters.find(text)) found.push({ ...leak, where })
}

// ---- errors: looked at a few at a time and not when they are made, because then they do not know yet what they say

/** A storm makes thousands of the same: of those behind the first only every so many are printed. */
const allOfTheFirst = 200
const oneOf = 25
const atATime = 64

let made: Array<Error> = []
let madeInTest = 0

const lookAtErrors = (): void => {
  const errors = made
  made = []
  for (const error of errors) look(`an error (${error.name})`, printed(error), mayShowValues(error))
}

const remember = (error: Error): void => {
  if (madeInTest++ >= allOfTheFirst && madeInTest % oneOf !== 0) return
  if (made.length >= atATime) lookAtErrors()
  made.push(error)
}

/** What has shown since the last call, and forgets it. */
export const takeFindings = (): ReadonlyArray<Finding> => {
  lookAtErrors()
  const taken = found
  found = []
  madeInTest = 0
  return taken
}

/** `super(…)` calls whatever the class's prototype is at that moment, so that a constructor can be put in between. */
const watchErrors = (): void => {
  const failure: unknown = Object.getPrototypeOf(Broken)
  if (typeof failure !== "function") throw new Error("canary: the errors of pgfx have no common class any more")
  const base: unknown = Object.getPrototypeOf(failure)
  if (typeof base !== "function") throw new Error("canary: the errors of pgfx are no errors any more")
  const between = function (this: unknown, ...args: ReadonlyArray<unknown>): unknown {
    const error: unknown = Reflect.construct(base, args, new.target)
    if (error instanceof Error) remember(error)
    return error
  }
  Object.setPrototypeOf(between, base)
  Object.setPrototypeOf(failure, between)
}

// ---- log lines, the console, spans

/** Changes what every fiber begins with: a property of all FiberRefs, of which their type says nothing. */
const beginWith = <A>(ref: FiberRef.FiberRef<A>, change: (initial: A) => A): void => {
  const initial: A = Reflect.get(ref, "initial")
  Reflect.set(ref, "initial", change(initial))
}

const watchLogs = (): void => {
  const logger = Logger.make((options) => {
    look("a log line", Logger.stringLogger.log(options))
    look("a log line as JSON", Logger.jsonLogger.log(options))
    look(
      "a log line's parts",
      printed(options.message) + inspected([...options.annotations]) + inspected(options.cause)
    )
  })
  beginWith(FiberRef.currentLoggers, (loggers) => HashSet.add(loggers, logger))
}

const watchConsole = (): void => {
  for (const method of ["log", "info", "warn", "error", "debug", "trace"] as const) {
    const original: unknown = Reflect.get(console, method)
    if (typeof original !== "function") continue
    Reflect.set(console, method, (...args: ReadonlyArray<unknown>) => {
      look(`console.${method}`, args.map(printed).join(" "))
      Reflect.apply(original, console, args)
    })
  }
}

/** what `Tracing`'s `parameters: "record"` asks for */
const isRecordedParameter = (key: string): boolean => key.startsWith("db.query.parameter.")

/** The same tracer, heard by the canary. Tests with a tracer of their own put it through this. */
export const watched = (tracer: Tracer.Tracer): Tracer.Tracer =>
  Tracer.make({
    context: tracer.context,
    span: (name, parent, context, links, startTime, kind, options) => {
      const span = tracer.span(name, parent, context, links, startTime, kind, options)
      look("the name of a span", name)
      const { attribute, end, event } = span
      return Object.assign(span, {
        attribute: (key: string, value: unknown) => {
          look(`the attribute ${key} of a span`, printed(value), isRecordedParameter(key))
          attribute.call(span, key, value)
        },
        event: (...args: Parameters<typeof event>) => {
          look("an event of a span", inspected(args))
          event.apply(span, args)
        },
        end: (...args: Parameters<typeof end>) => {
          const [, exit] = args
          if (Exit.isFailure(exit)) look("the end of a span", inspected(exit.cause))
          end.apply(span, args)
        }
      })
    }
  })

const watchSpans = (): void =>
  beginWith(DefaultServices.currentServices, (services) =>
    Context.add(services, Tracer.Tracer, watched(Context.get(services, Tracer.Tracer)))
  )

// ---- secrets

const passwordOf = [/^[a-z]+:\/\/[^/@]*:([^/@]*)@/, /(?:^|[\s?&])(?:ssl)?password\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&]*)/]

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Whatever is wrapped in `Redacted` is a secret: a password, a connection string with one, a private key. */
const learnRedacted = (value: unknown): void => {
  if (typeof value !== "string") return
  if (value.startsWith("-----BEGIN")) {
    for (const line of value.split("\n")) if (line.length >= 60) secrets.addText("a line of a private key", line)
    return
  }
  if (!/^[a-z]+:\/\/|=/.test(value)) return secrets.add("what was Redacted", value)
  for (const pattern of passwordOf) {
    const [, found] = pattern.exec(value) ?? []
    if (found === undefined) continue
    const password = found.startsWith("'") ? found.slice(1, -1).replace(/\\(.)/g, "$1") : found
    secrets.add("a password in a connection string", password)
    secrets.add("a password of a connection string", decoded(password))
  }
}

const watchRedacted = (): void => {
  const registry = globalValue("effect/Redacted/redactedRegistry", () => new WeakMap<WeakKey, unknown>())
  const set = registry.set
  registry.set = (redacted, value) => {
    learnRedacted(value)
    return set.call(registry, redacted, value)
  }
}

/** Once per test file, before anything of it runs. */
export const install = (): void => {
  watchErrors()
  watchLogs()
  watchConsole()
  watchSpans()
  watchRedacted()
}
