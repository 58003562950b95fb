// A contestant's process, seen from the benchmark: start, ask, stop. One question at a time, each with a deadline.
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Answer, Request } from "./serve.ts"

/** How a contestant is started: a program and its arguments. */
export interface Launch {
  readonly command: string
  readonly args: ReadonlyArray<string>
}

export type Measured = Extract<Answer, { readonly type: "measured" }>

const answerWithin = 180_000

export class Worker {
  private readonly child: ChildProcess
  private readonly lines: AsyncIterator<string>
  private said = ""

  private readonly name: string
  constructor(name: string, { args, command }: Launch) {
    this.name = name
    this.child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] })
    const { stderr, stdout } = this.child
    if (stdout === null || stderr === null) throw new Error("a worker without pipes")
    stderr.on("data", (text: Buffer) => {
      this.said = (this.said + text.toString()).slice(-4_000)
    })
    this.lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
    // told by the lines that end
    this.child.on("error", () => undefined)
    this.child.stdin?.on("error", () => undefined)
  }

  private async ask(request: Request): Promise<Answer> {
    const timer = setTimeout(() => this.child.kill("SIGKILL"), answerWithin)
    try {
      this.child.stdin?.write(`${JSON.stringify(request)}\n`)
      const line = await this.lines.next()
      if (line.done === true) throw new Error(`${this.name} ended at ${request.type}: ${this.said}`)
      // the other side is serve.ts, which writes nothing but Answers
      const answer = JSON.parse(line.value) as Answer
      if (answer.type === "failed") throw new Error(`${this.name} at ${request.type}: ${answer.message}`)
      return answer
    } finally {
      clearTimeout(timer)
    }
  }

  async open(request: Omit<Extract<Request, { readonly type: "open" }>, "type">): Promise<void> {
    await this.ask({ type: "open", ...request })
  }

  async measure(type: "verify" | "run", units: number): Promise<Measured> {
    const answer = await this.ask({ type, units })
    if (answer.type !== "measured") throw new Error(`${this.name} answered ${answer.type} to ${type}`)
    return answer
  }

  /** Ends the process, in order if it can. */
  async stop(): Promise<void> {
    try {
      await this.ask({ type: "close" })
    } catch {
      // it is killed below
    }
    this.child.kill("SIGKILL")
  }
}
