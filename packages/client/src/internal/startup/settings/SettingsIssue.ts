// What is wrong with a setting, before it becomes an error of the client. The parsers answer with it, they never throw.
// It holds no text that a user wrote: a password with an unescaped `@`, `/` or blank ends up in any other part of a string.

/** `key` is the Settings key to change; `issue` names the place and what would do, and never repeats the value. */
export interface SettingsIssue {
  readonly _tag: "SettingsIssue"
  readonly key: string
  readonly issue: string
  /** what a platform said, if it was asked */
  readonly cause?: unknown
}

export const settingsIssue = (key: string, issue: string, cause?: unknown): SettingsIssue => ({
  _tag: "SettingsIssue",
  key,
  issue,
  ...(cause === undefined ? {} : { cause })
})
