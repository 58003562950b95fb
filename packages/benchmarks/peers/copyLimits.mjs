// What PostgreSQL's own means take for the same COPY, as a limit: `psql`, where it is installed, by \copy; `server`, which reads and writes files
// by itself, without any client. The work is done in other processes: only its time says anything.
import { spawn } from "node:child_process"
import { chmodSync, closeSync, createReadStream, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import pg from "pg"
import { BytesChecksum, copyPieces, copySql, serve, verifiedMegabytes } from "../dist/workers/serve.mjs"

const [who] = process.argv.slice(2)

/** A file that the server's user may read and write, too. */
const sharedFile = () => {
  const folder = mkdtempSync(join(tmpdir(), "pgfx-bench-copy-"))
  chmodSync(folder, 0o777)
  return { file: join(folder, "lines"), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

const fill = (file, megabytes) => {
  const descriptor = openSync(file, "w", 0o644)
  for (const piece of copyPieces(megabytes)) writeSync(descriptor, piece)
  closeSync(descriptor)
}

const connect = async ({ database, host, password, port, user }) => {
  const client = new pg.Client({ host, port, user, password, database })
  await client.connect()
  return client
}

const psql = ({ database, host, password, port, user }, command, onOutput = () => undefined) =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, PGPASSWORD: password, PGSSLMODE: "disable" }
    const args = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", String(port), "-U", user, "-d", database]
    const child = spawn("psql", [...args, "-c", command], { env, stdio: ["ignore", "pipe", "inherit"] })
    child.stdout.on("data", onOutput)
    child.on("error", reject)
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`psql: exit code ${code}`))))
  })

const out = (most) => async (server) => {
  const client = await connect(server)
  const { file, remove } = sharedFile()
  const runs = {
    psql: (megabytes) => psql(server, `\\copy ${copySql.out(megabytes, "'/dev/null'")}`.replace("COPY ", "")),
    server: (megabytes) => client.query(copySql.out(megabytes, "'/dev/null'"))
  }
  const reads = {
    psql: (megabytes, use) => psql(server, copySql.out(megabytes), use),
    server: async (megabytes, use) => {
      await client.query(copySql.out(megabytes, `'${file}'`))
      for await (const piece of createReadStream(file)) use(piece)
    }
  }
  return {
    run: async (units) => {
      await runs[who](units)
      return units
    },
    verify: async (units) => {
      const checksum = new BytesChecksum()
      await reads[who](Math.min(units, most), checksum.add)
      return checksum.value
    },
    close: async () => {
      remove()
      await client.end()
    }
  }
}

const into = (sql, most) => async (server) => {
  const client = await connect(server)
  const { file, remove } = sharedFile()
  const load = {
    psql: (text) => psql(server, `\\copy ${text(`'${file}'`)}`.replace("COPY ", "")),
    server: (text) => client.query(text(`'${file}'`))
  }
  return {
    prepare: () => client.query(copySql.truncate),
    run: async (units) => {
      await load[who](sql)
      return units
    },
    verify: async (units) => {
      fill(file, Math.min(units, most))
      await load[who](copySql.in)
      const { rows } = await client.query(copySql.stored)
      if (units > most) fill(file, units)
      return rows[0].sum
    },
    close: async () => {
      remove()
      await client.end()
    }
  }
}

await serve({
  "copy out": out(Infinity),
  "copy in": into(copySql.in, Infinity),
  "gigabyte out": out(verifiedMegabytes),
  "gigabyte in": into(copySql.inDropped, verifiedMegabytes)
})
