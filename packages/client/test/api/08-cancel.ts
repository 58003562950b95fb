import { BigDecimal, Effect, Schema } from "effect"
import { PostgresError, Postgres, Query } from "pgfx"

class ReportTooSlow extends Schema.TaggedError<ReportTooSlow>()("ReportTooSlow", {}) {}
const yearlyReport = Query.one(Schema.Struct({ revenue: Schema.BigDecimalFromSelf }))`
  SELECT coalesce(sum(total), 0) AS revenue FROM orders
`

// the interruption sends CancelRequest, waits for ReadyForQuery, and gives the connection back healthy
export const report = yearlyReport().pipe(
  Effect.timeoutFail({ duration: "2 seconds", onTimeout: () => new ReportTooSlow() })
)
export const t: Effect.Effect<{ readonly revenue: BigDecimal.BigDecimal }, ReportTooSlow | PostgresError, Postgres> =
  report

// or as a property of the statement: Permanent, reason StatementTimeout
export const bounded = Query.one(Schema.BigIntFromSelf, {
  name: "countOrders",
  timeout: "500 millis"
})`SELECT count(*) FROM orders`
