/** Safetensors files made by hand: what the format says, not what our writer does. */

/** A file from a header text and the bytes of the tensors; the length may be a lie. */
export function fileOf(
  header: string | Uint8Array,
  data: ArrayLike<number> = [],
  length?: bigint,
): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

/** A header with one tensor `a`. */
export function oneTensor(info: unknown): string {
  return JSON.stringify({ a: info });
}

/** A well-formed tensor of two bytes, to change. */
export const good = { dtype: 'U8', shape: [2], data_offsets: [0, 2] } as const;
