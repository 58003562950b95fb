// PBKDF2-HMAC-SHA-256 with a 32-byte key (RFC 8018 §5.2): SCRAM's `Hi`. Runs off the event loop where the platform has WebCrypto,
// and otherwise in slices that give the loop back; noble's own async form does not (its `nextTick` is a microtask).
// It does not prepare the password (SaslPrep.ts) and does not judge the iteration count (scramMessages.ts did).
// The key handed out is fresh and the caller's; password and salt are left alone.
import { hmac } from "@noble/hashes/hmac"
import { sha256 } from "@noble/hashes/sha2"

/** Thrown (the promise rejects with it) when the signal fired before the key was there. */
export class DerivationAborted extends Error {
  readonly _tag = "DerivationAborted"
  override readonly name = "DerivationAborted"
  constructor() {
    super("the key derivation was given up before it ended")
  }
}

/**
 * Derivations that WebCrypto works on at a time. Node runs them on libuv's thread pool, four threads by default, on which DNS look-ups
 * and file reads wait too; libuv itself lets slow look-ups take no more than half of the pool (threadpool.c,
 * slow_work_thread_threshold), and so do we.
 */
const concurrent = 2
let running = 0
const waiting: Array<() => void> = []

const acquire = async (signal: AbortSignal | undefined): Promise<void> => {
  if (signal?.aborted === true) throw new DerivationAborted()
  if (running < concurrent) {
    running++
    return
  }
  await new Promise<void>((resolve, reject) => {
    const proceed = () => {
      signal?.removeEventListener("abort", giveUp)
      resolve()
    }
    const giveUp = () => {
      waiting.splice(waiting.indexOf(proceed), 1)
      reject(new DerivationAborted())
    }
    waiting.push(proceed)
    signal?.addEventListener("abort", giveUp, { once: true })
  })
}

/** Hands the slot to the next in line; `running` stays as it is then. */
const release = (): void => {
  const next = waiting.shift()
  if (next === undefined) running--
  else next()
}

/** Iterations between two visits of the event loop: 1 to 3 ms of noble's HMAC (measured: 3.0 µs each cold, 1.1 µs warm, Node 20). */
const slice = 1024

/** Not a wait: a macrotask is what lets input and output go on, and `setTimeout` is the one every platform has. */
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 0)
  })

/**
 * The same key in plain JavaScript, a few milliseconds at a time. What {@link pbkdf2Sha256} falls back on.
 *
 * Rejects with {@link DerivationAborted}.
 */
export const pbkdf2Sha256Sliced = async (
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  signal?: AbortSignal
): Promise<Uint8Array> => {
  checkIterations(iterations)
  const keyed = hmac.create(sha256, password)
  const block = new Uint8Array(salt.length + 4)
  block.set(salt)
  block[salt.length + 3] = 1
  const round = keyed.clone().update(block).digest()
  const key = round.slice()
  let scratch = keyed.clone()
  try {
    for (let i = 1; i < iterations; i++) {
      if (i % slice === 0) {
        await nextTurn()
        if (signal?.aborted === true) throw new DerivationAborted()
      }
      scratch = keyed._cloneInto(scratch)
      scratch.update(round).digestInto(round)
      for (let j = 0; j < 32; j++) key[j] = (key[j] ?? 0) ^ (round[j] ?? 0)
    }
    return key
  } finally {
    keyed.destroy()
    scratch.destroy()
    round.fill(0)
  }
}

const checkIterations = (iterations: number): void => {
  if (!Number.isSafeInteger(iterations) || iterations < 1) {
    throw new RangeError("PBKDF2 needs a whole number of iterations, one or more")
  }
}

/**
 * SCRAM's salted password: PBKDF2-HMAC-SHA-256, 32 bytes, of the prepared password in UTF-8.
 *
 * At most two derivations run at a time, the rest wait in line. An aborted one leaves the line at once; one already handed to
 * WebCrypto cannot be stopped, its result is dropped. Rejects with {@link DerivationAborted}, or `RangeError` for an iteration
 * count that is not a positive whole number; every password and salt has a key, the empty one too.
 */
export const pbkdf2Sha256 = async (
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  signal?: AbortSignal
): Promise<Uint8Array> => {
  checkIterations(iterations)
  await acquire(signal)
  try {
    const bits = await deriveWithWebCrypto(password, salt, iterations)
    if (signal?.aborted === true) throw new DerivationAborted()
    return bits ?? (await pbkdf2Sha256Sliced(password, salt, iterations, signal))
  } finally {
    release()
  }
}

/** Wider than the platform's types, which promise what insecure contexts of browsers and Node's `--no-experimental-global-webcrypto` lack. */
const webCrypto = (): SubtleCrypto | undefined => {
  const crypto: { readonly subtle?: SubtleCrypto } | undefined = globalThis.crypto
  return crypto?.subtle
}

/** `undefined` where WebCrypto is missing or refuses: some platforms make no key from an empty password. */
const deriveWithWebCrypto = async (
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number
): Promise<Uint8Array | undefined> => {
  const subtle = webCrypto()
  if (subtle === undefined) return undefined
  // A copy, because views of shared memory are refused; zeroed as soon as the platform has its own.
  const raw = new Uint8Array(password)
  try {
    const key = await subtle.importKey("raw", raw, "PBKDF2", false, ["deriveBits"])
    const parameters = { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(salt), iterations }
    return new Uint8Array(await subtle.deriveBits(parameters, key, 256))
  } catch {
    return undefined
  } finally {
    raw.fill(0)
  }
}
