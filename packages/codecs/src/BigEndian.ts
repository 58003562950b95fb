// ⚡ Network-order numbers out of bytes. No bounds are checked: whoever calls knows that the bytes are there. By hand and through one shared
// 8-byte scratch, because a DataView per chunk costs an allocation and a DataView per value costs more than the value.

export const int16 = (bytes: Uint8Array, at: number): number => ((bytes[at]! << 24) >> 16) | bytes[at + 1]!

export const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!

export const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!

export const uint32 = (bytes: Uint8Array, at: number): number => int32(bytes, at) >>> 0

const scratch = new Uint8Array(8)
const float64s = new Float64Array(scratch.buffer)
const float32s = new Float32Array(scratch.buffer)
const words = new Int32Array(scratch.buffer)
const int64s = new BigInt64Array(scratch.buffer)
const uint64s = new BigUint64Array(scratch.buffer)

words[0] = 1
/** x86 and ARM are little-endian; s390x is not. */
const littleEndian = scratch[0] === 1
const high = littleEndian ? 1 : 0
const low = 1 - high

/** NaN comes out as the one NaN of JavaScript: typed arrays keep payloads, and engines differ in what they do with them. */
export const float64 = (bytes: Uint8Array, at: number): number => {
  words[high] = int32(bytes, at)
  words[low] = int32(bytes, at + 4)
  const value = float64s[0]!
  return value === value ? value : NaN
}

export const float32 = (bytes: Uint8Array, at: number): number => {
  words[0] = int32(bytes, at)
  const value = float32s[0]!
  return value === value ? value : NaN
}

export const int64 = (bytes: Uint8Array, at: number): bigint => {
  words[high] = int32(bytes, at)
  words[low] = int32(bytes, at + 4)
  return int64s[0]!
}

export const uint64 = (bytes: Uint8Array, at: number): bigint => {
  words[high] = int32(bytes, at)
  words[low] = int32(bytes, at + 4)
  return uint64s[0]!
}

/** 64 signed bits as a double: exact up to ±2⁵³, the nearest double beyond. Ask `isSafe64` first. */
export const int64AsNumber = (bytes: Uint8Array, at: number): number =>
  int32(bytes, at) * 0x1_0000_0000 + uint32(bytes, at + 4)

/** The 64 signed bits at `at` are within ±(2⁵³ − 1). −2⁵³ itself is not. */
export const isSafe64 = (bytes: Uint8Array, at: number): boolean => {
  const top = int32(bytes, at)
  return top >= -0x20_0000 && top < 0x20_0000 && (top !== -0x20_0000 || uint32(bytes, at + 4) !== 0)
}
