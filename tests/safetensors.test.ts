/** The safetensors reader against bytes written by hand, and against files that lie. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_HEADER_BYTES,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from '../src/formats/index.ts';
import { FormatError } from '../src/index.ts';
import { fileOf, good, oneTensor } from './support/safetensors-files.ts';
import { needData } from './support/shared-data.ts';

const read = (file: Uint8Array) => readSafetensors(file, 'test.safetensors');
const valuesOf = (file: Uint8Array, name = 'a'): number[] => Array.from(read(file).tensors.get(name)!.data);

describe('reading bytes written by hand', () => {
  // Bit patterns from IEEE 754: sign, exponent, fraction.
  it.each([
    ['F64', [0, 0, 0, 0, 0, 0, 0xf8, 0xbf], [-1.5]],
    ['F32', [0, 0, 0xc0, 0x3f, 0, 0, 0x80, 0xff], [1.5, -Infinity]],
    ['F16', [0, 0x3c, 0xff, 0x7b, 1, 0, 0, 0xfc, 0, 0x80], [1, 65504, 2 ** -24, -Infinity, -0]],
    ['BF16', [0x80, 0x3f, 0x49, 0x40, 0x80, 0xff], [1, 3.140625, -Infinity]],
    ['I64', [0xfe, ...new Array(7).fill(255), 255, 255, 255, 127, 0, 0, 0, 0], [-2, 2 ** 31 - 1]],
    ['I32', [0, 0, 0, 0x80, 7, 0, 0, 0], [-(2 ** 31), 7]],
    ['I8', [0, 127, 128, 255], [0, 127, -128, -1]],
    ['U8', [0, 7, 255], [0, 7, 255]],
    ['BOOL', [1, 0, 1], [1, 0, 1]],
  ])('%s', (dtype, bytes, values) => {
    const info = { dtype, shape: [values.length], data_offsets: [0, bytes.length] };
    expect(valuesOf(fileOf(oneTensor(info), bytes))).toEqual(values);
  });

  it('NaN in half precision is NaN', () => {
    const info = { dtype: 'F16', shape: [1], data_offsets: [0, 2] };
    expect(valuesOf(fileOf(oneTensor(info), [1, 0x7e]))).toEqual([Number.NaN]);
  });

  it('names, shapes, metadata, a scalar, an empty tensor, and any order in the header', () => {
    const header = {
      second: { dtype: 'U8', shape: [], data_offsets: [2, 3] },
      __metadata__: { format: 'pt', ключ: '值' },
      first: { dtype: 'U8', shape: [2, 1], data_offsets: [0, 2], more: 'ignored' },
      empty: { dtype: 'F32', shape: [3, 0], data_offsets: [3, 3] },
    };
    const { tensors, metadata } = read(fileOf(`${JSON.stringify(header)}   `, [5, 6, 7]));
    expect([...tensors.keys()]).toEqual(['first', 'second', 'empty']);
    expect(tensors.get('first')).toEqual({ shape: [2, 1], dtype: 'uint8', data: Uint8Array.of(5, 6) });
    expect(tensors.get('second')!.shape).toEqual([]);
    expect(tensors.get('empty')!.data).toEqual(new Float32Array(0));
    expect(metadata).toEqual({ format: 'pt', ключ: '值' });
  });

  it('data at an odd place of a larger buffer, and in a Buffer as Node reads files', () => {
    const file = fileOf(
      oneTensor({ dtype: 'F64', shape: [1], data_offsets: [0, 8] }),
      [0, 0, 0, 0, 0, 0, 0xf8, 0xbf],
    );
    const odd = new Uint8Array(file.length + 5);
    odd.set(file, 3);
    expect(valuesOf(odd.subarray(3, 3 + file.length))).toEqual([-1.5]);
    expect(valuesOf(Buffer.from(file))).toEqual([-1.5]);
    expect(valuesOf(Buffer.from(odd.buffer, 3, file.length))).toEqual([-1.5]);
  });

  it('takes a copy: a later change of the bytes is not seen', () => {
    const file = fileOf(oneTensor(good), [1, 2]);
    const { tensors } = read(file);
    file.fill(9);
    expect(Array.from(tensors.get('a')!.data)).toEqual([1, 2]);
  });

  it('reads the files that PyTorch wrote, and writes them again with the same tensors', (context) => {
    const folder = needData(context, 'oracles/modules');
    const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
    expect(files.length).toBeGreaterThan(100);
    for (const name of files) {
      const { tensors } = read(readFileSync(`${folder}/${name}`));
      expect(read(writeSafetensors(tensors)).tensors, name).toEqual(tensors);
    }
  });
});

const refused: readonly [code: string, what: string, file: Uint8Array][] = [
  ['E_HEADER_TOO_SMALL', 'no byte', new Uint8Array(0)],
  ['E_HEADER_TOO_SMALL', 'seven bytes', new Uint8Array(7)],
  ['E_HEADER_LIMIT', 'a header of 2⁶⁴−1 bytes', fileOf('{}', [], 2n ** 64n - 1n)],
  ['E_HEADER_LIMIT', 'a header beyond the limit', fileOf('{}', [], BigInt(MAX_HEADER_BYTES) + 1n)],
  ['E_HEADER_LENGTH', 'a header longer than the file', fileOf('{}', [], 3n)],
  ['E_HEADER_UTF8', 'a byte that is not UTF-8', fileOf(Uint8Array.of(0x7b, 0xff, 0x7d))],
  ['E_HEADER_UTF8', 'half a surrogate', fileOf(Uint8Array.of(0x7b, 0xed, 0xa0, 0x80, 0x7d))],
  ['E_HEADER_START', 'an empty header', fileOf('')],
  ['E_HEADER_START', 'a list', fileOf('[]')],
  ['E_HEADER_START', 'a space first', fileOf(' {}')],
  ['E_HEADER_START', 'a byte order mark', fileOf('\u{feff}{}')],
  ['E_HEADER_JSON', 'half an object', fileOf('{')],
  ['E_HEADER_JSON', 'something after the object', fileOf('{} {}')],
  ['E_HEADER_JSON', 'a NUL at the end', fileOf('{}\0')],
  [
    'E_DUPLICATE_KEY',
    'a tensor twice',
    fileOf(`{"a":${JSON.stringify(good)},"a":${JSON.stringify(good)}}`, [1, 2]),
  ],
  [
    'E_DUPLICATE_KEY',
    'a tensor twice, once escaped',
    fileOf(`{"a":${JSON.stringify(good)},"\\u0061":1}`, [1, 2]),
  ],
  [
    'E_DUPLICATE_KEY',
    'a field twice',
    fileOf('{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
  ],
  ['E_METADATA', 'metadata that is a list', fileOf('{"__metadata__":[]}')],
  ['E_METADATA', 'metadata with a number', fileOf('{"__metadata__":{"a":1}}')],
  ['E_METADATA', 'metadata that is a text', fileOf('{"__metadata__":"x"}')],
  ['E_TENSOR_INFO', 'a tensor that is a number', fileOf('{"a":1}')],
  ['E_TENSOR_INFO', 'a tensor that is null', fileOf('{"a":null}')],
  ['E_DTYPE', 'a tensor that is a list', fileOf('{"a":[]}')],
  ['E_DTYPE', 'an unknown type', fileOf(oneTensor({ ...good, dtype: 'F8_E4M3' }), [1, 2])],
  ['E_DTYPE', 'a type from the prototype', fileOf(oneTensor({ ...good, dtype: 'toString' }), [1, 2])],
  ['E_DTYPE', 'a type that is no text', fileOf(oneTensor({ ...good, dtype: ['U8'] }), [1, 2])],
  ['E_SHAPE', 'a shape that is a number', fileOf(oneTensor({ ...good, shape: 2 }), [1, 2])],
  ['E_SHAPE', 'a negative size', fileOf(oneTensor({ ...good, shape: [-2] }), [1, 2])],
  ['E_SHAPE', 'half a size', fileOf(oneTensor({ ...good, shape: [0.5, 4] }), [1, 2])],
  ['E_SHAPE', 'a size as text', fileOf(oneTensor({ ...good, shape: ['2'] }), [1, 2])],
  ['E_SHAPE', 'a size beyond exact numbers', fileOf(oneTensor({ ...good, shape: [2 ** 53] }), [1, 2])],
  [
    'E_SHAPE',
    'sizes whose product overflows',
    fileOf(oneTensor({ ...good, shape: [2 ** 40, 2 ** 40] }), [1, 2]),
  ],
  ['E_SHAPE', 'seventeen axes', fileOf(oneTensor({ ...good, shape: [2, ...new Array(16).fill(1)] }), [1, 2])],
  ['E_OFFSETS', 'one offset', fileOf(oneTensor({ ...good, data_offsets: [0] }), [1, 2])],
  ['E_OFFSETS', 'no offsets', fileOf(oneTensor({ dtype: 'U8', shape: [2] }), [1, 2])],
  ['E_OFFSETS', 'a negative offset', fileOf(oneTensor({ ...good, data_offsets: [-2, 0] }), [1, 2])],
  ['E_OFFSETS', 'a hole in front', fileOf(oneTensor({ ...good, data_offsets: [1, 3] }), [1, 2, 3])],
  ['E_OFFSETS', 'a byte too many', fileOf(oneTensor(good), [1, 2, 3])],
  ['E_OFFSETS', 'a byte too few', fileOf(oneTensor(good), [1])],
  [
    'E_OFFSETS',
    'tensors that overlap',
    fileOf(JSON.stringify({ a: good, b: { ...good, data_offsets: [1, 3] } }), [1, 2, 3]),
  ],
  ['E_OFFSETS', 'two tensors in one place', fileOf(JSON.stringify({ a: good, b: good }), [1, 2])],
  ['E_TENSOR_SIZE', 'more bytes than the shape needs', fileOf(oneTensor({ ...good, shape: [1] }), [1, 2])],
  ['E_TENSOR_SIZE', 'an end before the start', fileOf(oneTensor({ ...good, data_offsets: [2, 0] }), [1, 2])],
  [
    'E_INTEGER',
    'an integer beyond 32 bits',
    fileOf(oneTensor({ dtype: 'I64', shape: [1], data_offsets: [0, 8] }), [0, 0, 0, 0, 1, 0, 0, 0]),
  ],
];

describe('refusing', () => {
  it.each(refused)('%s: %s', (code, _what, file) => {
    const refusal = (): unknown => read(file);
    expect(refusal).toThrow(FormatError);
    expect(refusal).toThrow(expect.objectContaining({ code, file: 'test.safetensors' }));
    expect(refusal).toThrow(/^test\.safetensors: .*; hint: /);
  });

  it('a header of a hundred thousand nested lists is refused like any other', () => {
    const deep = `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`;
    expect(() => read(fileOf(deep))).toThrow(FormatError);
  });
});

const anyTensor = fc
  .record({
    dtype: fc.constantFrom('float32', 'float64', 'int32', 'uint8', 'bool' as const),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    seed: fc.integer(),
  })
  .map(({ dtype, shape, seed }): StoredTensor => {
    const size = shape.reduce((a, b) => a * b, 1);
    const at = (i: number): number => Math.sin(seed + i) * 10 ** (i % 5);
    const values = Array.from({ length: size }, (_, i) => at(i));
    const arrays = {
      float32: Float32Array,
      float64: Float64Array,
      int32: Int32Array,
      uint8: Uint8Array,
      bool: Uint8Array,
    };
    const data = arrays[dtype].from(dtype === 'bool' ? values.map((value) => Number(value > 0)) : values);
    return { shape, dtype, data } as StoredTensor;
  });
const anyName = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  fc.constantFrom('0', '10', 'layers.0.weight', '__proto__', 'constructor', 'toString', ' ', '"', '\\'),
);
const anyFile = fc
  .uniqueArray(fc.tuple(anyName, anyTensor), { selector: ([name]) => name, maxLength: 5 })
  .filter((entries) => entries.every(([name]) => name !== '__metadata__'))
  .map((entries) => new Map(entries));

describe('writing', () => {
  it('any tensors under any names come back, and are written again byte for byte', () => {
    fc.assert(
      fc.property(anyFile, fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }), (tensors, metadata) => {
        const file = writeSafetensors(tensors, metadata);
        const back = read(file);
        expect(back.tensors).toEqual(tensors);
        expect({ ...back.metadata }).toEqual({ ...metadata });
        expect(writeSafetensors(back.tensors, back.metadata)).toEqual(file);
      }),
      { numRuns: 300 },
    );
  });

  it('bits are kept: −0, NaN, denormals, infinities', () => {
    const data = new Float32Array([-0, Number.NaN, 1e-45, -Infinity, 3.4e38]);
    const back = read(writeSafetensors(new Map([['a', { shape: [5], dtype: 'float32', data }]])));
    const bits = (values: Float32Array): number[] => Array.from(new Uint32Array(values.buffer.slice(0)));
    expect(bits(back.tensors.get('a')!.data as Float32Array)).toEqual(bits(data));
  });

  it('the bytes are those of the format', () => {
    const data = Uint8Array.of(1, 0);
    const file = writeSafetensors(new Map([['a', { shape: [2], dtype: 'bool', data }]]));
    const header = '{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}';
    expect(new TextDecoder().decode(file.subarray(8, 8 + header.length))).toBe(header);
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    expect((8 + length) % 8).toBe(0);
    expect(file.subarray(8 + header.length, 8 + length).every((byte) => byte === 0x20)).toBe(true);
    expect(Array.from(file.subarray(8 + length))).toEqual([1, 0]);
  });

  it('a view into a larger array writes its own part only', () => {
    const data = new Float64Array([1, 2, 3, 4]).subarray(1, 3);
    const back = read(writeSafetensors(new Map([['a', { shape: [2], dtype: 'float64', data }]])));
    expect(Array.from(back.tensors.get('a')!.data)).toEqual([2, 3]);
  });
});

/** One change of a good file that knows where the header, its fields and the data are. */
const change = fc.oneof(
  fc.record({ kind: fc.constant('byte' as const), at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('last' as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('grow' as const), by: fc.integer({ min: 1, max: 64 }) }),
  fc.record({ kind: fc.constant('length' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ kind: fc.constant('length' as const), value: fc.bigInt({ min: 0n, max: 300n }) }),
  fc.record({
    kind: fc.constant('field' as const),
    field: fc.constantFrom('dtype', 'shape', 'data_offsets', '__metadata__'),
    value: fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.array(fc.integer({ min: -1, max: 40 }), { maxLength: 4 }),
      fc.array(fc.constantFrom(0, 2 ** 31, 2 ** 53 - 1, 1e300), { maxLength: 20 }),
      fc.constantFrom('F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'I8', 'U8', 'BOOL', '__proto__'),
    ),
  }),
  fc.record({
    kind: fc.constant('swap' as const),
    from: fc.constantFrom('{', '}', '"', ':', ',', '[', ']', '0'),
  }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function changed(file: Uint8Array, how: Change): Uint8Array {
  if (file.length < 8) return file;
  const headerEnd = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const copy = file.slice();
  switch (how.kind) {
    case 'byte':
      copy[how.at % copy.length] = how.value;
      return copy;
    case 'last':
      copy[copy.length - 1] = how.value;
      return copy;
    case 'cut':
      return copy.subarray(0, how.at % copy.length);
    case 'grow': {
      const longer = new Uint8Array(copy.length + how.by);
      longer.set(copy);
      return longer;
    }
    case 'length':
      new DataView(copy.buffer).setBigUint64(0, how.value, true);
      return copy;
    default: {
      if (headerEnd > copy.length) return copy;
      const text = new TextDecoder().decode(copy.subarray(8, headerEnd));
      return fileOf(
        how.kind === 'swap' ? text.replace(how.from, '') : edited(text, how),
        copy.subarray(headerEnd),
      );
    }
  }
}

function edited(text: string, { field, value }: Extract<Change, { kind: 'field' }>): string {
  let header: Record<string, Record<string, unknown>>;
  try {
    header = JSON.parse(text) as typeof header;
  } catch {
    return text;
  }
  const names = Object.keys(header).filter((name) => typeof header[name] === 'object' && header[name]);
  if (field === '__metadata__' || names.length === 0)
    return JSON.stringify({ ...header, __metadata__: value });
  const name = names[0]!;
  return JSON.stringify({ ...header, [name]: { ...header[name], [field]: value } });
}

describe('2,000 damaged files', () => {
  it('give a FormatError or tensors that are written and read again, in bounded memory', () => {
    let refusals = 0;
    let accepted = 0;
    fc.assert(
      fc.property(anyFile, fc.array(change, { minLength: 1, maxLength: 3 }), (tensors, changes) => {
        const file = changes.reduce(changed, writeSafetensors(tensors));
        try {
          const { tensors: found, metadata } = read(file);
          accepted++;
          const bytes = [...found.values()].reduce((total, { data }) => total + data.byteLength, 0);
          expect(bytes).toBeLessThanOrEqual(2 * file.length);
          expect(read(writeSafetensors(found, metadata)).tensors).toEqual(found);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
          expect(error.code).not.toBe('E_FORMAT');
          refusals++;
        }
      }),
      { numRuns: 2000 },
    );
    expect(refusals).toBeGreaterThan(500);
    expect(accepted).toBeGreaterThan(50);
  });
});
