// Real files for these tests, in a directory that goes with the Scope, read through the FileSystem of Node.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export const withFiles = <A, E>(self: Effect.Effect<A, E, FileSystem.FileSystem | Scope.Scope>): Effect.Effect<A, E> =>
  Effect.provide(Effect.scoped(self), NodeFileSystem.layer)

/** A home directory. Its `write` answers with the path of the file. */
export const makeHome = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const directory = yield* files.makeTempDirectoryScoped()
  const write = (name: string, text: string | Uint8Array, mode = 0o600) =>
    Effect.gen(function* () {
      const path = `${directory}/${name}`
      yield* files.makeDirectory(path.slice(0, path.lastIndexOf("/")), { recursive: true })
      // a file that nobody may write, as an earlier call may have left it, is replaced
      yield* files.remove(path, { force: true })
      yield* files.writeFile(path, typeof text === "string" ? new TextEncoder().encode(text) : text)
      yield* files.chmod(path, mode)
      return path
    })
  return { directory, write }
}).pipe(Effect.orDie)

/** PEM as far as anybody here looks at it. */
export const pem = (kind: string): string => `-----BEGIN ${kind}-----\nAAAA\n-----END ${kind}-----\n`
