/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
 *
 * Every field is checked before any tensor is made: a hostile file can only give a FormatError.
 * Format: https://github.com/huggingface/safetensors
 */
import { bytesOf, type DType, type TypedArray } from '../core/dtype.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import { FormatError } from '../errors.ts';
import { duplicateKey } from './json-keys.ts';

/** Element types that heed reads; int64 becomes int32 and is refused when a value does not fit. */
const dtypes = {
  F64: { bytes: 8, dtype: 'float64' },
  F32: { bytes: 4, dtype: 'float32' },
  F16: { bytes: 2, dtype: 'float32' },
  BF16: { bytes: 2, dtype: 'float32' },
  I64: { bytes: 8, dtype: 'int32' },
  I32: { bytes: 4, dtype: 'int32' },
  I8: { bytes: 1, dtype: 'int8' },
  U8: { bytes: 1, dtype: 'uint8' },
  BOOL: { bytes: 1, dtype: 'bool' },
} as const satisfies Record<string, { bytes: number; dtype: DType }>;

type StoredType = keyof typeof dtypes;

/** A tensor as it stands in a file. */
export interface StoredTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;
}

/** Content of a safetensors file. */
export interface SafetensorsFile {
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Headers above this size are refused: parsing them would block and cost far more memory. */
export const MAX_HEADER_BYTES = 25_000_000;

interface Entry {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: number[];
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a whole file.
 *
 * @param bytes - the file
 * @param file - its name, for messages
 * @throws {FormatError} when anything in it is not as the format says; nothing has been allocated by then
 */
export function readSafetensors(bytes: Uint8Array, file = 'safetensors'): SafetensorsFile {
  const fail = failer(file);
  if (bytes.length < 8) fail('E_HEADER_TOO_SMALL', `${bytes.length} bytes, a file needs at least 8`, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = view.getBigUint64(0, true);
  if (headerLength > BigInt(MAX_HEADER_BYTES)) {
    fail('E_HEADER_LIMIT', `header of ${headerLength} bytes, at most ${MAX_HEADER_BYTES} are read`, 0);
  }
  const start = 8 + Number(headerLength);
  if (start > bytes.length)
    fail('E_HEADER_LENGTH', `header says ${headerLength} bytes, file has ${bytes.length}`, 0);
  const { entries, metadata } = parseHeader(bytes.subarray(8, start), fail);
  checkOffsets(entries, bytes.length - start, fail);
  const tensors = new Map<string, StoredTensor>();
  for (const entry of entries) {
    const body = bytes.subarray(start + entry.start, start + entry.end);
    tensors.set(entry.name, {
      shape: entry.shape,
      dtype: dtypes[entry.type].dtype,
      data: decode(entry, body, fail),
    });
  }
  return { tensors, metadata };
}

type Fail = (code: string, problem: string, offset?: number) => never;

function failer(file: string): Fail {
  return (code, problem, offset) => {
    throw new FormatError({
      where: file,
      file,
      problem,
      code,
      hint: 'the file is damaged or is not safetensors; fetch or write it again',
      ...(offset !== undefined && { offset }),
    });
  };
}

function parseHeader(bytes: Uint8Array, fail: Fail): { entries: Entry[]; metadata: Record<string, string> } {
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    fail('E_HEADER_UTF8', 'the header is not UTF-8', 8);
  }
  if (!text.startsWith('{')) fail('E_HEADER_START', 'the header does not start with {', 8);
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    fail('E_HEADER_JSON', `the header is not JSON: ${(error as Error).message}`, 8);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) fail('E_DUPLICATE_KEY', `"${twice.key}" appears twice`, 8 + twice.offset);
  const record = header as Record<string, unknown>;
  const entries = Object.entries(record)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => parseEntry(name, value, fail));
  return {
    entries: entries.sort((a, b) => a.start - b.start || a.end - b.end),
    metadata: parseMetadata(record, fail),
  };
}

function parseMetadata(header: Record<string, unknown>, fail: Fail): Record<string, string> {
  const metadata = header.__metadata__ ?? {};
  const isObject = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  if (!isObject || Object.values(metadata).some((value) => typeof value !== 'string')) {
    fail('E_METADATA', '__metadata__ must map texts to texts', 8);
  }
  return metadata as Record<string, string>;
}

function parseEntry(name: string, value: unknown, fail: Fail): Entry {
  const info = value as { dtype?: unknown; shape?: unknown; data_offsets?: unknown } | null;
  if (typeof info !== 'object' || info === null) fail('E_TENSOR_INFO', `tensor "${name}" has no description`);
  const { dtype, shape, data_offsets: offsets } = info as Exclude<typeof info, null>;
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypes, dtype)) {
    fail(
      'E_DTYPE',
      `tensor "${name}" has dtype ${JSON.stringify(dtype)}, known are ${Object.keys(dtypes).join(', ')}`,
    );
  }
  const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!Array.isArray(shape) || shape.length > 16 || !shape.every(isCount)) {
    fail('E_SHAPE', `tensor "${name}" has shape ${JSON.stringify(shape)}, expected safe whole numbers`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    fail('E_OFFSETS', `tensor "${name}" has data_offsets ${JSON.stringify(offsets)}, expected [start, end]`);
  }
  const [start, end] = offsets as [number, number];
  return checkSize({ name, type: dtype as StoredType, shape: shape as number[], start, end }, fail);
}

function checkSize(entry: Entry, fail: Fail): Entry {
  const needed = sizeOf(entry.shape) * dtypes[entry.type].bytes;
  if (!Number.isSafeInteger(needed)) fail('E_SHAPE', `tensor "${entry.name}" [${entry.shape}] is too large`);
  if (needed !== entry.end - entry.start) {
    const got = entry.end - entry.start;
    fail(
      'E_TENSOR_SIZE',
      `tensor "${entry.name}": ${entry.type} [${entry.shape}] needs ${needed} bytes, offsets give ${got}`,
    );
  }
  return entry;
}

/** Tensors lie one after the other, without holes, to the end of the file. */
function checkOffsets(entries: readonly Entry[], available: number, fail: Fail): void {
  let expected = 0;
  for (const { name, start, end } of entries) {
    if (start !== expected) fail('E_OFFSETS', `tensor "${name}" starts at ${start}, expected ${expected}`);
    expected = end;
  }
  if (expected !== available) {
    fail('E_OFFSETS', `the tensors end at ${expected}, the file has ${available} bytes of data`);
  }
}

function decode({ name, type, shape }: Entry, body: Uint8Array, fail: Fail): TypedArray {
  const copy = new Uint8Array(body).buffer; // slice() of a Node Buffer would not copy
  const size = sizeOf(shape);
  switch (type) {
    case 'F64':
      return new Float64Array(copy);
    case 'F32':
      return new Float32Array(copy);
    case 'I32':
      return new Int32Array(copy);
    case 'I8':
      return new Int8Array(copy);
    case 'F16':
      return Float32Array.from(new Uint16Array(copy), halfToNumber);
    case 'BF16':
      return new Float32Array(Uint32Array.from(new Uint16Array(copy), (bits) => bits << 16).buffer);
    case 'I64':
      return Int32Array.from({ length: size }, (_, i) =>
        narrow(new DataView(copy).getBigInt64(8 * i, true), name, fail),
      );
    default:
      return new Uint8Array(copy);
  }
}

function narrow(value: bigint, name: string, fail: Fail): number {
  if (value !== BigInt.asIntN(32, value))
    fail('E_INTEGER', `tensor "${name}" holds ${value}, beyond 32 bits`);
  return Number(value);
}

/** IEEE 754 half precision. */
function halfToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const storedNames: Readonly<Record<DType, StoredType>> = {
  float32: 'F32',
  float64: 'F64',
  bfloat16: 'BF16',
  int32: 'I32',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};

/**
 * The bytes of a file: tensors in the order of the map, header padded so that the data starts at a multiple of 8.
 *
 * @param tensors - by name
 * @param metadata - texts to keep in the header
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  // Without a prototype, so that a tensor may be called __proto__.
  const header: Record<string, unknown> = Object.create(null);
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let end = 0;
  for (const [name, { shape, dtype, data }] of tensors) {
    const start = end;
    end += data.length * bytesOf(dtype);
    header[name] = { dtype: storedNames[dtype], shape, data_offsets: [start, end] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20);
  headerBytes.set(text);
  const file = new Uint8Array(8 + headerBytes.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes.length), true);
  file.set(headerBytes, 8);
  let at = 8 + headerBytes.length;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}
