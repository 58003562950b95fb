// A SettingsIssue as an error of the client: nothing was sent, and the same settings will fail again.
import { Permanent } from "../../../PostgresError.ts"
import type { SettingsIssue } from "./SettingsIssue.ts"

export const invalidSettings = (issue: SettingsIssue): Permanent =>
  new Permanent({
    reason: { _tag: "InvalidSettings", key: issue.key, issue: issue.issue },
    outcome: "NotSent",
    cause: issue.cause
  })
