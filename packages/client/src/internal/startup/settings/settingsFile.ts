// One way to read the files that settings name: through the FileSystem service if there is one. Who names a file wants it, so
// its absence is an error; a file in a default place may be missing. It says which setting and why, never what is inside.
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type SettingsIssue, settingsIssue } from "./SettingsIssue.ts"

export type MaybeFileSystem = Option.Option<FileSystem.FileSystem>

export interface FileToRead {
  /** the setting it belongs to, for errors */
  readonly key: string
  readonly path: string
  /** somebody wrote the path */
  readonly explicit: boolean
  /** says what is wrong with the file's owner and mode, or `undefined`; not asked on Windows, which has neither */
  readonly permissions?: ((info: FileSystem.File.Info) => string | undefined) | undefined
}

/** Enough for the largest bundle of roots (a quarter of a MiB), too little for a device that never ends. */
const largest = 4 * 1024 * 1024

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const notReadable = (file: FileToRead, cause: PlatformError): SettingsIssue =>
  settingsIssue(
    file.key,
    `its file cannot be read (${cause._tag === "SystemError" ? cause.reason : "bad argument"})`,
    cause
  )

const isAbsent = (error: PlatformError): boolean => error._tag === "SystemError" && error.reason === "NotFound"

/** Owner only. `stat` follows links, as libpq's does. */
export const ownerOnly = (info: FileSystem.File.Info): string | undefined =>
  (info.mode & 0o077) === 0 ? undefined : "is accessible to group or world: its mode must be 0600 or less"

/** Owner only, or, if root owns it, also readable by the group (`initialize_SSL` in fe-secure-openssl.c). */
export const ownerOrRootsGroup = (info: FileSystem.File.Info): string | undefined =>
  (info.mode & (Option.contains(info.uid, 0) ? 0o037 : 0o077)) === 0
    ? undefined
    : "is accessible to group or world: its mode must be 0600 or less, or 0640 if root owns it"

/** Its text; `undefined` if it is in a default place and not there. Nothing of it is kept. */
export const readSettingsFile = (
  fileSystem: MaybeFileSystem,
  file: FileToRead
): Effect.Effect<string | undefined, SettingsIssue> =>
  Option.match(fileSystem, {
    onNone: () =>
      file.explicit
        ? Effect.fail(
            settingsIssue(
              file.key,
              "names a file, but there is no FileSystem to read it with: provide one where the layer is built (NodeFileSystem.layer of @effect/platform-node, for example)"
            )
          )
        : Effect.succeed(undefined),
    onSome: (files) =>
      Effect.gen(function* () {
        // how one says "no file" where a path is expected
        if (file.path === "/dev/null") return ""
        const info = yield* files.stat(file.path)
        if (info.type !== "File") return yield* Effect.fail(settingsIssue(file.key, "its file is not a regular file"))
        if (info.size > largest) return yield* Effect.fail(settingsIssue(file.key, "its file is larger than 4 MiB"))
        const permissions = file.permissions?.(info)
        if (permissions !== undefined) {
          return yield* Effect.fail(settingsIssue(file.key, `its file ${permissions}`))
        }
        const bytes = yield* files.readFile(file.path)
        return yield* Effect.try({
          try: () => utf8.decode(bytes),
          catch: () => settingsIssue(file.key, "its file is not UTF-8 text")
        })
      }).pipe(
        Effect.catchIf(
          (error) => error._tag !== "SettingsIssue" && isAbsent(error) && !file.explicit,
          () => Effect.succeed(undefined)
        ),
        Effect.mapError((error) => (error._tag === "SettingsIssue" ? error : notReadable(file, error)))
      )
  })
