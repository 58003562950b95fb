// Spans without an Effect for each ⚡: what `Effect.makeSpan` does to a fiber's tracer, parent, annotations and links, done at once, and ended by
// whoever began it. Attributes are put on one by one, as Effect does. The caller owns the span.
import * as Context from "effect/Context"
import * as Chunk from "effect/Chunk"
import * as DefaultServices from "effect/DefaultServices"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

/** What is the same for every span of a kind. Made once: a span takes 9 attributes, and `Object.entries` of them costs as much as the rest. */
export class SpanPlan {
  readonly name: string
  readonly kind: Tracer.SpanKind
  readonly options: Tracer.SpanOptions
  readonly keys: ReadonlyArray<string>
  readonly values: ReadonlyArray<unknown>
  constructor(name: string, attributes: Readonly<Record<string, unknown>>, kind: Tracer.SpanKind = "client") {
    this.name = name
    this.kind = kind
    this.options = { kind, captureStackTrace: false, attributes }
    this.keys = Object.keys(attributes)
    this.values = Object.values(attributes)
  }
}

/** The one that a program has which has chosen none: its spans go nowhere, and are not worth their 3 µs. */
const nobody = Context.get(DefaultServices.liveServices, Tracer.Tracer)

const visible = (span: Tracer.AnySpan | undefined): Tracer.AnySpan | undefined => {
  let found = span
  while (found !== undefined && Context.get(found.context, Tracer.DisablePropagation)) {
    found = found._tag === "Span" ? Option.getOrUndefined(found.parent) : undefined
  }
  return found
}

/** Below `parent`, by default the span that the fiber is in. `undefined`: nobody traces; `always`: even where nobody would see it. */
export const beginSpan = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  plan: SpanPlan,
  since: bigint,
  parent: Tracer.AnySpan | undefined = visible(fiber.currentSpan),
  always = false
): Tracer.Span | undefined => {
  const { currentTracer: tracer } = fiber
  if ((tracer === nobody && !always) || !fiber.getFiberRef(FiberRef.currentTracerEnabled)) return undefined
  const links = Chunk.toArray(fiber.getFiberRef(FiberRef.currentTracerSpanLinks))
  const span = tracer.span(
    plan.name,
    Option.fromNullable(parent),
    Context.empty(),
    links,
    since,
    plan.kind,
    plan.options
  )
  const annotations = fiber.getFiberRef(FiberRef.currentTracerSpanAnnotations)
  if (!HashMap.isEmpty(annotations)) {
    HashMap.forEach(annotations, (value, key) => span.attribute(key, value))
  }
  const { keys, values } = plan
  for (let i = 0; i < keys.length; i++) span.attribute(keys[i] ?? "", values[i])
  return span
}
