import { Schema, Stream } from "effect"
import { param, Query } from "pgfx"

class Event extends Schema.Class<Event>("Event")({
  id: Schema.BigIntFromSelf,
  kind: Schema.String,
  at: Schema.DateFromSelf
}) {}

const eventsSince = Query.stream(Event, { fetchSize: 1000 })`
  SELECT id, kind, at FROM events WHERE at >= ${param("since", Schema.DateFromSelf)} ORDER BY id
`

export const countByKind = (since: Date) =>
  eventsSince({ since }).pipe(
    Stream.runFold(new Map<string, number>(), (counts, event) =>
      counts.set(event.kind, (counts.get(event.kind) ?? 0) + 1)
    )
  )

export const firstPurchase = (since: Date) =>
  eventsSince({ since }).pipe(
    Stream.filter((event) => event.kind === "purchase"),
    Stream.runHead // the portal is closed after the first match
  )
