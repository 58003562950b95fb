// What the server says about a statement, without running it: for `Query.check`. Unnamed, so that nothing is left behind.
import type { ColumnDescription } from "@pgfx/protocol"
import type { TypeStore } from "../TypeStore.ts"
import type { Dispatcher } from "./Dispatcher.ts"
import { type Exchange, unrun } from "./Exchange.ts"
import { Group, type Settle } from "./Group.ts"
import { learnTypes } from "./learnTypes.ts"
import { DescribeStatement, noRows, ParseStatement } from "./parts.ts"
import type { Run } from "./Run.ts"

export interface DescribedStatement {
  readonly parameterTypes: ReadonlyArray<number>
  /** empty: returns no rows */
  readonly columns: ReadonlyArray<ColumnDescription>
}

export class DescribeRun implements Run {
  private dispatcher: Dispatcher | undefined = undefined
  private current: Exchange | undefined = undefined
  private abandoned = false

  private readonly sql: string
  private readonly declared: ReadonlyArray<number>
  private readonly types: TypeStore
  private readonly settle: Settle<DescribedStatement>
  /** `declared`: type OIDs for Parse, see ParameterPlan */
  constructor(sql: string, declared: ReadonlyArray<number>, types: TypeStore, settle: Settle<DescribedStatement>) {
    this.sql = sql
    this.declared = declared
    this.types = types
    this.settle = settle
  }

  start(dispatcher: Dispatcher): void {
    this.dispatcher = dispatcher
    const describe = new DescribeStatement("", noRows)
    this.current = new Group(
      "describe",
      [new ParseStatement("", this.sql, this.declared), describe],
      (answer, failure) => {
        this.current = undefined
        if (answer === undefined) return this.settle(undefined, failure === undefined ? undefined : unrun(failure))
        const { columns = [], parameterTypes = [] } = describe
        const missing = this.types.missing([...parameterTypes, ...columns.map((column) => column.typeOid)])
        const done = (): void => this.settle({ parameterTypes, columns }, undefined)
        if (missing.length === 0 || this.abandoned) done()
        else this.current = learnTypes(dispatcher, this.types, missing, done)
      }
    )
    dispatcher.submit(this.current)
  }

  abandon(): void {
    this.abandoned = true
    if (this.current !== undefined) this.dispatcher?.abandon(this.current)
  }

  get isSent(): boolean {
    return this.current?.sent === true
  }
}
