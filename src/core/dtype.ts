/** Element types. Floating-point tensors have their device's precision: float64 on `reference`, float32 elsewhere. */

/**
 * `int8` and `uint8` hold the codes of quantised weights; no arithmetic is done on them. `bfloat16` holds the upper
 * halves of float32 numbers on their way into a product, which rounds them so anyway; nothing else reads it.
 */
export type DType = 'float32' | 'float64' | 'bfloat16' | 'int32' | 'int8' | 'uint8' | 'bool';
/** Element types of activations and parameters. */
export type FloatDType = 'float32' | 'float64';
/** The arrays that hold elements, one for each element type. */
export type TypedArray = Float32Array | Float64Array | Uint16Array | Int32Array | Int8Array | Uint8Array;

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** A fresh array for `length` elements, zeroed. */
export function arrayOf(dtype: DType, length: number): TypedArray {
  return new constructors[dtype](length);
}

/** An array over `buffer`, from a byte on. */
export function viewOf(
  dtype: DType,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArray {
  const construct: new (b: ArrayBufferLike, at: number, n: number) => TypedArray = constructors[dtype];
  return new construct(buffer, byteOffset, length);
}

/** Bytes of one element. */
export function bytesOf(dtype: DType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** Whether an element type is a floating-point one. */
export function isFloat(dtype: DType): dtype is FloatDType {
  return dtype === 'float32' || dtype === 'float64';
}
