// Numbers about a database and its connections, in Effect's registry of metrics, from where an exporter takes them. Names, units and
// boundaries: OpenTelemetry semantic conventions for database client metrics, 1.33; what they do not name is `pgfx.client.*`. One set of
// labels per database, made once: the registry finds a metric by the identity of its list of labels.
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import type { Endpoint } from "../../Transport.ts"

type Labels = ReadonlyArray<MetricLabel.MetricLabel>

const seconds = MetricBoundaries.fromIterable([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
const rowCounts = MetricBoundaries.fromIterable([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000])

const operationDuration = Metric.histogram(
  "db.client.operation.duration",
  seconds,
  "Duration of statements, waiting for a connection included"
)
const returnedRows = Metric.histogram("db.client.response.returned_rows", rowCounts, "Rows that a statement returned")
const waitTime = Metric.histogram("db.client.connection.wait_time", seconds, "Time until a connection was granted")
const useTime = Metric.histogram("db.client.connection.use_time", seconds, "Time between grant and return")
const createTime = Metric.histogram("db.client.connection.create_time", seconds, "Time it took to connect")
const timeouts = Metric.counter("db.client.connection.timeouts", {
  description: "Waits for a connection that ended with PoolTimeout",
  incremental: true
})
const connectionCount = Metric.gauge("db.client.connection.count", { description: "Connections, idle and used" })
const connectionMax = Metric.gauge("db.client.connection.max", { description: "Connections at most" })
const pendingRequests = Metric.gauge("db.client.connection.pending_requests", {
  description: "Requests that wait for a connection"
})
const io = Metric.counter("pgfx.client.io", { description: "Bytes sent and received, before TLS", incremental: true })
const lookups = Metric.counter("pgfx.client.statement.lookups", {
  description: "Statements that were described before, and that were not",
  incremental: true
})

const labels = (of: Readonly<Record<string, string>>): Labels =>
  Object.entries(of).map(([key, value]) => MetricLabel.make(key, value))

/** Counts bytes of one server. */
export const countOf = ({ host, port }: Pick<Endpoint, "host" | "port">) => {
  const direction = (name: string): Labels =>
    labels({ "server.address": host, "server.port": String(port), "network.io.direction": name, unit: "By" })
  const [transmit, receive] = [direction("transmit"), direction("receive")]
  return {
    sent: (bytes: number): void => io.unsafeUpdate(bytes, transmit),
    received: (bytes: number): void => io.unsafeUpdate(bytes, receive)
  }
}

export class ClientMetrics {
  private readonly operations = new Map<string, Labels>()
  private readonly database: Readonly<Record<string, string>>
  private readonly rows: Labels
  private readonly times: Labels
  private readonly counts: Labels
  private readonly idle: Labels
  private readonly used: Labels
  private readonly hit: Labels
  private readonly miss: Labels

  constructor({ database, host, port }: Endpoint) {
    const server = { "server.address": host, "server.port": String(port) }
    this.database = { "db.system.name": "postgresql", "db.namespace": database, ...server }
    const pool = { "db.client.connection.pool.name": `${host}:${port}/${database}` }
    this.rows = labels({ ...this.database, unit: "{row}" })
    this.times = labels({ ...pool, unit: "s" })
    this.counts = labels({ ...pool, unit: "{connection}" })
    this.idle = labels({ ...pool, "db.client.connection.state": "idle", unit: "{connection}" })
    this.used = labels({ ...pool, "db.client.connection.state": "used", unit: "{connection}" })
    this.hit = labels({ ...this.database, "pgfx.result": "hit" })
    this.miss = labels({ ...this.database, "pgfx.result": "miss" })
  }

  /** `operation`: the statement's first word; `failure`: what failed, by SQLSTATE or reason */
  operation(operation: string, failure: string | undefined, took: number): void {
    operationDuration.unsafeUpdate(took, this.labelsOf(operation, failure))
  }
  returned(rows: number): void {
    returnedRows.unsafeUpdate(rows, this.rows)
  }
  lookedUp(known: boolean): void {
    lookups.unsafeUpdate(1, known ? this.hit : this.miss)
  }
  waited(took: number): void {
    waitTime.unsafeUpdate(took, this.times)
  }
  usedFor(took: number): void {
    useTime.unsafeUpdate(took, this.times)
  }
  created(took: number): void {
    createTime.unsafeUpdate(took, this.times)
  }
  timedOut(): void {
    timeouts.unsafeUpdate(1, this.counts)
  }
  connections(stats: {
    readonly idle: number
    readonly busy: number
    readonly waiting: number
    readonly max: number
  }): void {
    connectionCount.unsafeUpdate(stats.idle, this.idle)
    connectionCount.unsafeUpdate(stats.busy, this.used)
    connectionMax.unsafeUpdate(stats.max, this.counts)
    pendingRequests.unsafeUpdate(stats.waiting, this.counts)
  }

  private labelsOf(operation: string, failure: string | undefined): Labels {
    const key = failure === undefined ? operation : `${operation} ${failure}`
    const known = this.operations.get(key)
    if (known !== undefined) return known
    const made = labels({
      ...this.database,
      "db.operation.name": operation,
      ...(failure === undefined ? {} : { "error.type": failure }),
      unit: "s"
    })
    this.operations.set(key, made)
    return made
  }
}
