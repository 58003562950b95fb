// Numbers about a database and its connections, in Effect's registry of metrics, from where an exporter takes them ⚡. Names, units and
// boundaries: OpenTelemetry semantic conventions for database client metrics, 1.33; what they do not name is `pgfx.client.*`.
//
// The registry is asked once per database for each of them: an update through a Metric looks its labels up every time (0.2 of 0.3 µs).
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import type * as MetricHook from "effect/MetricHook"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import type { Endpoint } from "../../Transport.ts"

type Labels = Readonly<Record<string, string>>

const seconds = MetricBoundaries.fromIterable([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
const rowCounts = MetricBoundaries.fromIterable([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000])

const counting = { incremental: true } as const
const operationDuration = MetricKey.histogram(
  "db.client.operation.duration",
  seconds,
  "Duration of statements, waiting for a connection included"
)
const returnedRows = MetricKey.histogram(
  "db.client.response.returned_rows",
  rowCounts,
  "Rows that a statement returned"
)
const waitTime = MetricKey.histogram("db.client.connection.wait_time", seconds, "Time until a connection was granted")
const useTime = MetricKey.histogram("db.client.connection.use_time", seconds, "Time between grant and return")
const createTime = MetricKey.histogram("db.client.connection.create_time", seconds, "Time it took to connect")
const timeouts = MetricKey.counter("db.client.connection.timeouts", {
  ...counting,
  description: "Waits for a connection that ended with PoolTimeout"
})
const connectionCount = MetricKey.gauge("db.client.connection.count", { description: "Connections, idle and used" })
const connectionMax = MetricKey.gauge("db.client.connection.max", { description: "Connections at most" })
const pendingRequests = MetricKey.gauge("db.client.connection.pending_requests", {
  description: "Requests that wait for a connection"
})
const io = MetricKey.counter("pgfx.client.io", { ...counting, description: "Bytes sent and received, before TLS" })
const lookups = MetricKey.counter("pgfx.client.statement.lookups", {
  ...counting,
  description: "Statements that were described before, and that were not"
})

const tags = (labels: Labels) => Object.entries(labels).map(([key, value]) => MetricLabel.make(key, value))

const histogram = (key: MetricKey.MetricKey.Histogram, labels: Labels): MetricHook.MetricHook.Histogram =>
  Metric.globalMetricRegistry.get(MetricKey.taggedWithLabels(key, tags(labels)))
const counter = (key: MetricKey.MetricKey.Counter<number>, labels: Labels): MetricHook.MetricHook.Counter<number> =>
  Metric.globalMetricRegistry.get(MetricKey.taggedWithLabels(key, tags(labels)))
const gauge = (key: MetricKey.MetricKey.Gauge<number>, labels: Labels): MetricHook.MetricHook.Gauge<number> =>
  Metric.globalMetricRegistry.get(MetricKey.taggedWithLabels(key, tags(labels)))

/** Counts bytes of one server. */
export const countOf = ({ host, port }: Pick<Endpoint, "host" | "port">) => {
  const direction = (name: string) =>
    counter(io, { "server.address": host, "server.port": String(port), "network.io.direction": name, unit: "By" })
  const [transmit, receive] = [direction("transmit"), direction("receive")]
  return {
    sent: (bytes: number): void => transmit.update(bytes),
    received: (bytes: number): void => receive.update(bytes)
  }
}

/** Each hook is `update`d with a number: seconds, rows, connections, or how many more there are. */
export class ClientMetrics {
  readonly returned: MetricHook.MetricHook.Histogram
  readonly known: MetricHook.MetricHook.Counter<number>
  readonly unknown: MetricHook.MetricHook.Counter<number>
  /** until a connection was granted */
  readonly waited: MetricHook.MetricHook.Histogram
  /** from then on until it was given back */
  readonly used: MetricHook.MetricHook.Histogram
  readonly created: MetricHook.MetricHook.Histogram
  readonly timedOut: MetricHook.MetricHook.Counter<number>
  private readonly idleNow: MetricHook.MetricHook.Gauge<number>
  private readonly usedNow: MetricHook.MetricHook.Gauge<number>
  private readonly max: MetricHook.MetricHook.Gauge<number>
  private readonly pending: MetricHook.MetricHook.Gauge<number>
  private readonly database: Labels

  constructor({ database, host, port }: Endpoint) {
    const server = { "server.address": host, "server.port": String(port) }
    this.database = { "db.system.name": "postgresql", "db.namespace": database, ...server }
    const pool = { "db.client.connection.pool.name": `${host}:${port}/${database}` }
    const inSeconds = { ...pool, unit: "s" }
    const inConnections = { ...pool, unit: "{connection}" }
    this.returned = histogram(returnedRows, { ...this.database, unit: "{row}" })
    this.known = counter(lookups, { ...this.database, "pgfx.result": "hit" })
    this.unknown = counter(lookups, { ...this.database, "pgfx.result": "miss" })
    this.waited = histogram(waitTime, inSeconds)
    this.used = histogram(useTime, inSeconds)
    this.created = histogram(createTime, inSeconds)
    this.timedOut = counter(timeouts, { ...pool, unit: "{timeout}" })
    this.idleNow = gauge(connectionCount, { ...inConnections, "db.client.connection.state": "idle" })
    this.usedNow = gauge(connectionCount, { ...inConnections, "db.client.connection.state": "used" })
    this.max = gauge(connectionMax, inConnections)
    this.pending = gauge(pendingRequests, { ...pool, unit: "{request}" })
  }

  /** `operation`: the statement's first word; `failure`: what failed, by SQLSTATE or reason */
  duration(operation: string, failure?: string): MetricHook.MetricHook.Histogram {
    const error = failure === undefined ? {} : { "error.type": failure }
    return histogram(operationDuration, {
      ...this.database,
      "db.operation.name": operation,
      ...error,
      unit: "s"
    })
  }

  connections(stats: {
    readonly idle: number
    readonly busy: number
    readonly waiting: number
    readonly max: number
  }): void {
    this.idleNow.update(stats.idle)
    this.usedNow.update(stats.busy)
    this.max.update(stats.max)
    this.pending.update(stats.waiting)
  }
}
