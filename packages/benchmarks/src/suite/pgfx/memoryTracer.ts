// A tracer that keeps its last spans in memory and does nothing else: what a program pays for spans apart from what its exporter costs.
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Context from "effect/Context"
import * as Tracer from "effect/Tracer"

const kept: Array<MemorySpan | undefined> = Array.from({ length: 1_000 }, () => undefined)
let spans = 0

class MemorySpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly sampled = true
  private readonly number: number
  readonly attributes = new Map<string, unknown>()
  status: Tracer.SpanStatus
  readonly name: string
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly context: Context.Context<never>
  readonly links: Array<Tracer.SpanLink>
  readonly kind: Tracer.SpanKind
  constructor(
    name: string,
    parent: Option.Option<Tracer.AnySpan>,
    context: Context.Context<never>,
    links: Array<Tracer.SpanLink>,
    startTime: bigint,
    kind: Tracer.SpanKind
  ) {
    this.number = ++spans
    this.name = name
    this.parent = parent
    this.context = context
    this.links = links
    this.kind = kind
    this.status = { _tag: "Started", startTime }
  }
  /** Identifiers, made for whoever asks: every tracer has its own way, and its own cost. */
  get spanId(): string {
    return this.number.toString(16).padStart(16, "0")
  }
  get traceId(): string {
    return this.parent._tag === "Some" ? this.parent.value.traceId : this.number.toString(16).padStart(32, "0")
  }
  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
    kept[spans % kept.length] = this
  }
  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }
  event(): void {}
  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    this.links.push(...links)
  }
}

export const memoryTracer: Layer.Layer<never> = Layer.setTracer(
  Tracer.make({
    span: (name, parent, context, links, startTime, kind) =>
      new MemorySpan(name, parent, context, links.slice(), startTime, kind),
    context: (f) => f()
  })
)
