// The server of the benchmarks and what is in it. One server for all, told not to wait for its disk: that wait is the same for everybody and hides them.
import { makeAuthority } from "@pgfx/testing/server/certificates"
import { startCluster } from "@pgfx/testing/server/cluster"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Query } from "pgfx"
import { bigRows, items } from "./rows.ts"
import type { Server } from "./serve.ts"

const tables = `
  CREATE TABLE bench_item (id int4 PRIMARY KEY, name text NOT NULL, value float8 NOT NULL);
  INSERT INTO bench_item SELECT i, 'item ' || i, i * 0.5 FROM generate_series(1, ${items}) AS i;
  CREATE TABLE bench_row (id int4 PRIMARY KEY, name text NOT NULL, ratio float8 NOT NULL, flag bool NOT NULL, at timestamptz NOT NULL, big int8 NOT NULL);
  INSERT INTO bench_row SELECT i, 'name of row ' || i, i * 1.25, i % 3 = 0, timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second',
    i::int8 * 1000000007 FROM generate_series(1, ${bigRows}) AS i;
  CREATE TABLE bench_account (id int4 PRIMARY KEY, balance int8 NOT NULL);
  INSERT INTO bench_account SELECT i, 0 FROM generate_series(0, 999) AS i;
  CREATE UNLOGGED TABLE bench_line (id int4 NOT NULL, line text NOT NULL);
  CREATE UNLOGGED TABLE bench_event (id int4 NOT NULL, kind text NOT NULL, amount float8 NOT NULL);
`

export interface Benchmarked extends AsyncDisposable {
  readonly server: Server
  readonly version: string
}

export const startServer = async (): Promise<Benchmarked> => {
  const { certificate: root, issue } = makeAuthority()
  const { certificate, key } = issue({ names: ["localhost", "127.0.0.1"] })
  const folder = mkdtempSync(join(tmpdir(), "pgfx-bench-"))
  const ca = join(folder, "ca.crt")
  writeFileSync(ca, root)
  const cluster = await startCluster({
    major: 18,
    tls: { certificate, key },
    configuration: {
      timezone: "UTC",
      synchronous_commit: "off",
      fsync: "off",
      full_page_writes: "off",
      autovacuum: "off",
      // five contestants at once, with 64 connections each
      max_connections: "400",
      shared_buffers: "256MB"
    }
  })
  const server: Server = {
    host: "127.0.0.1",
    port: cluster.port,
    user: cluster.user,
    password: cluster.password,
    database: cluster.database,
    ca
  }
  const postgres = NodePostgres.layer({ url: Redacted.make(cluster.url) })
  const setUp = Effect.zipRight(Query.script(tables), Query.script("VACUUM ANALYZE"))
  await Effect.runPromise(Effect.provide(setUp, postgres))
  return {
    server,
    version: `PostgreSQL ${cluster.majorVersion}`,
    [Symbol.asyncDispose]: async () => {
      await cluster.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
