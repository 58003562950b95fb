// Numbers for the fuzzer: the same sequence for the same seed on every runtime, and cheap. Not for secrets.

/** xorshift128 (Marsaglia 2003), seeded through splitmix32 so that neighbouring seeds have nothing in common. */
export class Random {
  private a = 0
  private b = 0
  private c = 0
  private d = 0

  /** Begins the sequence of case `index` under `seed`: any case can be run again without those before it. */
  begin(seed: number, index: number): void {
    let state = (seed ^ Math.imul(index, 0x9e3779b1)) | 0
    const next = () => {
      state = (state + 0x9e3779b9) | 0
      let z = state ^ (state >>> 16)
      z = Math.imul(z, 0x21f0aaad)
      z ^= z >>> 15
      z = Math.imul(z, 0x735a2d97)
      return z ^ (z >>> 15)
    }
    this.a = next()
    this.b = next()
    this.c = next()
    this.d = next() | 1
  }

  /** 32 bits, as a number from 0 on. */
  bits(): number {
    let t = this.d
    const s = this.a
    this.d = this.c
    this.c = this.b
    this.b = s
    t ^= t << 11
    t ^= t >>> 8
    this.a = t ^ s ^ (s >>> 19)
    return this.a >>> 0
  }

  /** 0 to `end` − 1; 0 if there is nothing to choose. */
  below(end: number): number {
    return end <= 1 ? 0 : this.bits() % end
  }

  /** True in one of `n` cases. */
  once(n: number): boolean {
    return this.bits() % n === 0
  }

  pick<A>(from: ReadonlyArray<A>): A {
    const value = from[this.below(from.length)]
    if (value === undefined) throw new Error("nothing to pick from")
    return value
  }
}
