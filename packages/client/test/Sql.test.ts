// Pieces of SQL: what is no text is refused where it is written, when the program starts.
import { assert, describe, it } from "@effect/vitest"
import { Copy, Query, Sql } from "pgfx"

describe("a template", () => {
  it("with an escape that JavaScript does not know is refused, for its text would be lost", () => {
    assert.throws(() => Sql`name ~ '\u'`, TypeError, "backslash")
    assert.throws(() => Query.command`DELETE FROM t WHERE name = '\x' AND ${Sql`TRUE`}`, TypeError, "backslash")
    assert.throws(() => Copy.inBytes`COPY t FROM STDIN (NULL E'\0061')`, TypeError, "backslash")
    assert.strictEqual(Sql`name ~ '\\u'`._tag, "Fragment")
  })
})
