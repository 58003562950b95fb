// Columns that may be NULL under Schemas that refuse it: what Query.check asks of a real server's catalogue, and what it leaves unsaid.
import { assert, describe, layer } from "@effect/vitest"
import { NodePostgres } from "@pgfx/platform-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Query, Row, type StatementInfo } from "pgfx"
import { inject } from "vitest"

const made = Query.script(`
  DROP SCHEMA IF EXISTS nulls CASCADE; CREATE SCHEMA nulls;
  CREATE DOMAIN nulls.needed AS text NOT NULL;
  CREATE DOMAIN nulls.short AS nulls.needed CHECK (length(VALUE) < 9);
  CREATE DOMAIN nulls.loose AS text;
  CREATE TABLE nulls.users (
    id int4 PRIMARY KEY, email text, name text NOT NULL, nick nulls.short, motto nulls.loose, dropped int4
  );
  ALTER TABLE nulls.users DROP dropped;
  CREATE TABLE nulls.parted (id int4 NOT NULL, note text) PARTITION BY RANGE (id);
  CREATE VIEW nulls.seen AS SELECT name FROM nulls.users`)

const Text = Schema.Struct({ x: Schema.String })
const findingsOf = (query: { readonly statement: StatementInfo }) =>
  Effect.map(Query.check(query), (findings) =>
    findings.map(({ at, message, severity }) =>
      [severity, "column" in at ? at.column : at.parameter, message].join(": ")
    )
  )

for (const server of inject("postgres")) {
  const Live = NodePostgres.layer({ url: Redacted.make(server.url) })

  describe(`PostgreSQL ${server.majorVersion}`, () => {
    layer(Live)("Query.check", (it) => {
      it.effect("warns of a column without NOT NULL under a Schema that refuses NULL, and of no other", () =>
        Effect.gen(function* () {
          yield* made
          const User = Schema.Struct({
            id: Schema.Number,
            email: Schema.String,
            name: Schema.String,
            nick: Schema.String,
            motto: Schema.String
          })
          const users = Query.all(User)`SELECT name, motto, nick, email, id FROM nulls.users`
          assert.sameMembers(yield* findingsOf(users), [
            "warning: email: may be NULL: users.email has no NOT NULL",
            "warning: motto: may be NULL: users.motto has no NOT NULL"
          ])
          const Careful = Schema.Struct({
            email: Schema.NullOr(Schema.String),
            motto: Schema.optionalWith(Schema.String, { nullable: true })
          })
          assert.deepStrictEqual(yield* findingsOf(Query.all(Careful)`SELECT email, motto FROM nulls.users`), [])
          assert.deepStrictEqual(yield* findingsOf(Query.all(Row)`SELECT * FROM nulls.users`), [])
        })
      )

      it.effect(
        "speaks of partitioned tables and of any alias, not of expressions, views and columns of the system",
        () =>
          Effect.gen(function* () {
            yield* made
            assert.deepStrictEqual(yield* findingsOf(Query.all(Text)`SELECT p.note AS x FROM nulls.parted AS p`), [
              "warning: x: may be NULL: parted.note has no NOT NULL"
            ])
            for (const query of [
              Query.all(Text)`SELECT max(email) AS x FROM nulls.users`,
              Query.all(Text)`SELECT name AS x FROM nulls.seen`,
              Query.all(Text)`SELECT tableoid::text AS x FROM nulls.users`,
              Query.all(Schema.Struct({ x: Schema.Number }))`SELECT tableoid AS x FROM nulls.users`,
              // what an outer join makes of it is seen when a row is read
              Query.all(Text)`SELECT u.name AS x FROM nulls.parted AS p LEFT JOIN nulls.users AS u USING (id)`
            ]) {
              assert.deepStrictEqual(yield* findingsOf(query), [])
            }
          })
      )

      it.effect("sees what ALTER TABLE has changed since it was asked last", () =>
        Effect.gen(function* () {
          yield* made
          const emails = Query.all(Schema.String)`SELECT email FROM nulls.users`
          assert.lengthOf(yield* findingsOf(emails), 1)
          yield* Query.script("ALTER TABLE nulls.users ALTER email SET NOT NULL")
          assert.deepStrictEqual(yield* findingsOf(emails), [])
        })
      )

      it.effect("is not fooled by a search path (L-8)", () =>
        Effect.gen(function* () {
          yield* made
          yield* Query.script(`
            DROP SCHEMA IF EXISTS nulls_trap CASCADE; CREATE SCHEMA nulls_trap;
            CREATE FUNCTION nulls_trap.never(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT 1 / 0 = 1';
            CREATE OPERATOR nulls_trap.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = nulls_trap.never);
            CREATE FUNCTION nulls_trap.unnest(oid[]) RETURNS SETOF oid LANGUAGE sql AS 'SELECT 1::oid WHERE 1 / 0 = 1';
            CREATE TABLE nulls_trap.pg_attribute (attrelid oid)`)
          const Trapped = NodePostgres.layer({
            url: Redacted.make(server.url),
            parameters: { search_path: "nulls_trap, pg_catalog, public" }
          })
          const found = yield* Effect.provide(findingsOf(Query.all(Text)`SELECT email AS x FROM nulls.users`), Trapped)
          assert.deepStrictEqual(found, ["warning: x: may be NULL: users.email has no NOT NULL"])
          yield* Query.script("DROP SCHEMA nulls_trap CASCADE")
        })
      )
    })
  })
}
