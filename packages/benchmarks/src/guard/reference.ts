// What the guard compares pgfx with: a pipelining client of nothing but pg-protocol, whose version is pinned. It is no driver, it has no errors and no
// pool: work that stays the same from one version of pgfx to the next, and that a slower machine makes slower, too.
import { EventEmitter } from "node:events"
import { parse, serialize } from "pg-protocol"
import { Answers, type Result } from "./Answers.ts"

type BackendMessage = Parameters<Parameters<typeof parse>[1]>[0]
type Fields = ReadonlyArray<string | null>

export class Reference {
  private readonly socket = new EventEmitter()
  private readonly waiting: Array<(rows: ReadonlyArray<Fields>) => void> = []
  private rows: Array<Fields> = []
  private unsent: Array<Uint8Array> = []
  private readonly prepared = new Set<string>()

  private readonly answers: Answers
  private constructor(answers: Answers) {
    this.answers = answers
    // it listens to "data" and "end", and asks for nothing else
    void parse(this.socket as NodeJS.ReadableStream & EventEmitter, this.receive)
  }

  static async open(prepare: (sql: string) => Result): Promise<Reference> {
    const reference = new Reference(new Answers(prepare))
    await reference.ask([serialize.startup({ user: "guard" })])
    return reference
  }

  query(text: string, values: Array<string>): Promise<ReadonlyArray<Fields>> {
    const messages: Array<Uint8Array> = []
    if (!this.prepared.has(text)) {
      this.prepared.add(text)
      messages.push(serialize.parse({ name: text, text, types: [] }))
    }
    messages.push(serialize.bind({ statement: text, values }), serialize.execute(), serialize.sync())
    return this.ask(messages)
  }

  private ask(messages: ReadonlyArray<Uint8Array>): Promise<ReadonlyArray<Fields>> {
    return new Promise((resolve) => {
      this.waiting.push(resolve)
      if (this.unsent.length === 0) setImmediate(this.deliver)
      this.unsent.push(...messages)
    })
  }

  private readonly deliver = (): void => {
    const messages = Buffer.concat(this.unsent)
    this.unsent = []
    for (const chunk of this.answers.answer(messages)) this.socket.emit("data", chunk)
  }

  private readonly receive = (message: BackendMessage): void => {
    if (message.name === "dataRow") {
      // a DataRowMessage, by its name
      this.rows.push((message as BackendMessage & { readonly fields: Fields }).fields)
    } else if (message.name === "readyForQuery") {
      const { rows } = this
      this.rows = []
      this.waiting.shift()?.(rows)
    }
  }
}
