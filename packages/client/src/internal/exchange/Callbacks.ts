// Whom to tell, once, that something has happened. Each is called a single time and then forgotten; whoever no longer wants to know takes the
// callback back. Calls nobody by itself.
const nothing = (): void => undefined

export class Callbacks {
  private waiting: Array<() => void> = []

  /** `already`: it has happened, and the callback is called at once. Answers a function that takes the callback back. */
  add(callback: () => void, already: boolean): () => void {
    if (already) {
      callback()
      return nothing
    }
    this.waiting.push(callback)
    return () => {
      const index = this.waiting.indexOf(callback)
      if (index >= 0) this.waiting.splice(index, 1)
    }
  }

  /** Calls those that wait now; what they add waits for the next time. */
  call(): void {
    if (this.waiting.length === 0) return
    for (const callback of this.waiting.splice(0)) callback()
  }
}
