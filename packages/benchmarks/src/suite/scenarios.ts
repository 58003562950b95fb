// What is measured: the rows of the table of goals, and who takes part in each. `name` is what a worker calls it.
import type { Point } from "./serve.ts"

/** Another way of pgfx's own to do the work, compared with the plain one. */
export interface Variant {
  readonly scenario: string
  readonly label: string
  readonly goal: number
}

export interface Scenario {
  readonly name: string
  readonly title: string
  /** what is counted */
  readonly unit: string
  readonly units: number
  readonly quickUnits: number
  /** counted rounds, if there is no time for as many as the others have */
  readonly mostRounds?: number
  /** only when it is asked for by name, or with everything long */
  readonly long?: true
  readonly peers: ReadonlyArray<string>
  readonly variants?: ReadonlyArray<Variant>
  /** ratio to reach, and to whom: "best" of the peers that are not `native` */
  readonly goals: ReadonlyArray<{ readonly peer: string; readonly ratio: number }>
}

const everybody = ["pg", "postgres.js", "sql-pg 4", "sql-pg 3", "Bun.SQL"]

/** PostgreSQL's own means, as a limit: their work is done by other processes than the one whose CPU time and memory are known. */
export const limits: ReadonlySet<string> = new Set(["psql", "server alone"])
/** The same frames without a driver: what is left to win. */
const wire = "the wire alone"
/** Compiled to machine code, or no driver: not among the best JavaScript peers. */
export const native: ReadonlySet<string> = new Set(["Bun.SQL", wire, ...limits])

const copyPeers = ["pg-copy-streams", "postgres.js", ...limits]
/** `psql` is named where there is one. */
const copyGoals = [
  { peer: "pg-copy-streams", ratio: 1 },
  { peer: "psql", ratio: 0.9 }
]

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "sequential",
    title: "sequential, one connection, prepared",
    unit: "query",
    units: 3_000,
    quickUnits: 1_500,
    peers: [...everybody, wire],
    goals: [{ peer: "best", ratio: 1.1 }]
  },
  {
    name: "concurrent",
    title: "100 fibers on one connection",
    unit: "query",
    units: 15_000,
    quickUnits: 6_000,
    peers: [...everybody, wire],
    goals: [{ peer: "postgres.js", ratio: 1.5 }]
  },
  {
    name: "pool",
    title: "100 fibers on a pool of 10",
    unit: "query",
    units: 15_000,
    quickUnits: 6_000,
    peers: [...everybody, wire],
    variants: [
      { scenario: "pool traced", label: "pgfx with Tracing", goal: 0.8 },
      { scenario: "pool measured", label: "pgfx with Tracing, no tracer", goal: 0.8 }
    ],
    goals: [{ peer: "best", ratio: 1.3 }]
  },
  {
    name: "rows",
    title: "300,000 rows of 6 columns, untyped",
    unit: "row",
    units: 300_000,
    quickUnits: 100_000,
    peers: everybody,
    variants: [
      { scenario: "rows Struct", label: "pgfx Schema.Struct", goal: 0.85 },
      { scenario: "rows Class", label: "pgfx Schema.Class", goal: 0 }
    ],
    goals: [
      { peer: "sql-pg 4", ratio: 1.3 },
      { peer: "postgres.js", ratio: 2 }
    ]
  },
  {
    name: "rows streamed",
    title: "the same as a stream, 1,000 rows a fetch",
    unit: "row",
    units: 300_000,
    quickUnits: 100_000,
    peers: ["pg", "postgres.js", "sql-pg 4", "sql-pg 3"],
    variants: [{ scenario: "rows Struct", label: "pgfx buffered", goal: 0 }],
    goals: [{ peer: "pgfx buffered", ratio: 0.8 }]
  },
  {
    name: "insert one by one",
    title: "10,000 inserts, 100 fibers on one connection",
    unit: "row",
    units: 10_000,
    quickUnits: 4_000,
    peers: everybody,
    goals: [{ peer: "best", ratio: 1.3 }]
  },
  {
    name: "insert unnest",
    title: "10,000 rows in one insert with unnest",
    unit: "row",
    units: 10_000,
    quickUnits: 10_000,
    // sql-pg 4 encodes no array parameters of this kind
    peers: ["pg", "postgres.js"],
    goals: [{ peer: "best", ratio: 1.3 }]
  },
  {
    name: "insert copy",
    title: "10,000 rows by COPY: typed and binary in pgfx, text made by hand elsewhere",
    unit: "row",
    units: 10_000,
    quickUnits: 10_000,
    peers: ["pg-copy-streams", "postgres.js"],
    variants: [{ scenario: "insert all", label: "pgfx insertAll", goal: 0 }],
    goals: [{ peer: "best", ratio: 1.3 }]
  },
  {
    name: "copy out",
    title: "COPY out, bytes, lines of 100",
    unit: "MB",
    units: 50,
    quickUnits: 20,
    peers: copyPeers,
    goals: copyGoals
  },
  {
    name: "copy in",
    title: "COPY in, bytes, lines of 100, into a table",
    unit: "MB",
    units: 50,
    quickUnits: 20,
    peers: copyPeers,
    goals: copyGoals
  },
  {
    name: "gigabyte out",
    title: "1 GB of COPY out",
    unit: "MB",
    units: 1_000,
    quickUnits: 1_000,
    mostRounds: 3,
    long: true,
    peers: copyPeers,
    goals: copyGoals
  },
  {
    name: "gigabyte in",
    title: "1 GB of COPY in, not stored",
    unit: "MB",
    units: 1_000,
    quickUnits: 1_000,
    mostRounds: 3,
    long: true,
    peers: copyPeers,
    goals: copyGoals
  },
  {
    name: "transaction",
    title: "transaction of 3 statements, 50 fibers on a pool of 10",
    unit: "transaction",
    units: 2_000,
    quickUnits: 1_000,
    peers: everybody,
    goals: [{ peer: "best", ratio: 1.3 }]
  },
  {
    name: "connect",
    title: "connect with SCRAM and TLS, first query",
    unit: "connection",
    units: 25,
    quickUnits: 10,
    peers: ["pg", "postgres.js"],
    goals: [{ peer: "best", ratio: 1 }]
  }
]

export interface Growth {
  readonly name: string
  readonly title: string
  readonly unit: string
  readonly axis: string
  readonly points: ReadonlyArray<number>
  readonly quickPoints: ReadonlyArray<number>
  /** further ones, when there is time */
  readonly longPoints?: ReadonlyArray<number>
  /** what the process grew by is told, too */
  readonly tellsMemory?: true
  readonly pointOf: (value: number) => Point
  /** units of work at a point */
  readonly unitsAt: (value: number) => number
  readonly peers: ReadonlyArray<string>
}

const javascript = ["pg", "postgres.js", "sql-pg 4"]

export const growths: ReadonlyArray<Growth> = [
  {
    name: "grow fibers",
    title: "fibers waiting on one connection",
    unit: "query",
    axis: "fibers",
    points: [1, 10, 100, 1_000, 10_000],
    quickPoints: [1, 100, 10_000],
    pointOf: (fibers) => ({ fibers }),
    unitsAt: (fibers) => (fibers < 10 ? 1_500 : 10_000),
    peers: [...javascript, "Bun.SQL"]
  },
  {
    name: "grow rows",
    title: "rows of one result",
    unit: "row",
    axis: "rows",
    points: [10, 100, 1_000, 10_000, 100_000, 300_000],
    quickPoints: [10, 1_000, 100_000],
    pointOf: (rows) => ({ rows }),
    unitsAt: (rows) => rows,
    peers: [...javascript, "Bun.SQL"]
  },
  {
    name: "grow rows streamed",
    title: "rows of one result, as a stream of 1,000 a fetch",
    unit: "row",
    axis: "rows",
    points: [1_000, 10_000, 100_000, 1_000_000],
    quickPoints: [1_000, 100_000],
    longPoints: [10_000_000],
    tellsMemory: true,
    pointOf: (rows) => ({ rows }),
    unitsAt: (rows) => rows,
    peers: javascript
  },
  {
    name: "grow columns",
    title: "columns of a row",
    unit: "value",
    axis: "columns",
    points: [1, 10, 100, 400, 1_600],
    quickPoints: [1, 100, 1_600],
    pointOf: (columns) => ({ columns }),
    unitsAt: () => 160_000,
    peers: javascript
  },
  {
    name: "grow statements",
    title: "distinct statements in turn",
    unit: "query",
    axis: "statements",
    points: [10, 100, 1_000, 10_000],
    quickPoints: [10, 1_000],
    pointOf: (statements) => ({ statements }),
    unitsAt: (statements) => Math.max(2_000, statements),
    peers: javascript
  },
  {
    name: "grow connections",
    title: "connections of a pool, 100 fibers",
    unit: "query",
    axis: "connections",
    points: [1, 4, 16, 64],
    quickPoints: [1, 10, 64],
    pointOf: (connections) => ({ connections }),
    unitsAt: () => 8_000,
    peers: [...javascript, "Bun.SQL"]
  }
]
