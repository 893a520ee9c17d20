/** Costs against slow counts, floors against arithmetic, and what a profile says of work that is known. */
import { describe, expect, it } from 'vitest';
import { needDevice } from '../../tests/support/devices.ts';
import {
  attention,
  backward,
  getDevice,
  matmul,
  scope,
  softmax,
  sum,
  type Tensor,
  tensor,
  withPrecision,
} from '../index.ts';
import { QuantizedMatrix } from '../nn/quantized-matrix.ts';
import { type Ceilings, floorOf, measureCeilings } from './ceilings.ts';
import { costOf, shapeOf } from './kernel-costs.ts';
import { profile } from './profile.ts';

const noTensors = (count: number): null[] => new Array<null>(count).fill(null);

describe('costs of a launch', () => {
  it('of a matrix product: counted multiply by multiply', () => {
    const [m, n, k, batch] = [3, 5, 7, 2];
    let flops = 0;
    for (let i = 0; i < batch * m * n; i++) for (let p = 0; p < k; p++) flops += 2;
    const ints = [0, 1, m, n, k, k, k, n, 0, batch, m * k, 0, m * n];
    const call = { name: 'gemm', tensors: noTensors(4), ints, floats: [], items: 1 };
    // B is shared by the batch: its stride is 0.
    expect(costOf(call)).toEqual({ flops, bytes: 4 * (batch * m * k + k * n + batch * m * n) });
    expect(shapeOf(call)).toBe(' 3×5×7 ×2 Bᵀ');
    expect(costOf({ ...call, ints: ints.with(8, 1) }).bytes).toBe(
      4 * (batch * m * k + k * n + 2 * batch * m * n),
    );
  });

  it('of a product in bf16: as many operations of another unit, and two bytes for a number that is stored so', () => {
    const [m, n, k] = [3, 5, 7];
    const ints = [0, 1, m, n, k, k, k, n, 0, 1, 0, 0, 0];
    const call = { name: 'gemm_bf16', tensors: noTensors(4), ints: [...ints, 0, 0], floats: [], items: 1 };
    const flops = 2 * m * n * k;
    expect(costOf(call)).toEqual({ flops, bytes: 4 * (m * k + k * n + m * n), unit: 'bf16' });
    const stored = { ...call, ints: [...ints, 0, 1] };
    expect(costOf(stored).bytes).toBe(4 * m * k + 2 * k * n + 4 * m * n);
    expect(shapeOf(stored)).toBe(' 3×5×7 Bᵀ bf16');
  });

  it.each([
    [8, new Int8Array(16 * 32)],
    [4, new Uint8Array(8 * 32)],
  ])('of a product with codes of %i bits: counted multiply by multiply', (bits, codes) => {
    const [m, n, k] = [3, 16, 32];
    const tensors = [new Float32Array(m * n), codes, new Float32Array(16), new Float32Array(m * k), null];
    const call = { name: 'quantized_linear', tensors, ints: [m, n, k, bits], floats: [], items: 1 };
    let flops = 0;
    for (let i = 0; i < m * n; i++) for (let p = 0; p < k; p++) flops += 2;
    const bytes = 4 * (m * n + 16 + m * k) + (n * k * bits) / 8;
    expect(costOf(call)).toEqual({ flops, bytes, unit: 'int8' });
  });

  it('of attention: counted pair by pair, also in segments', () => {
    const [batch, heads, queries, keys, width] = [2, 3, 4, 6, 8];
    let flops = 0;
    for (let t = 0; t < queries; t++)
      for (let s = 0; s < keys; s++)
        if (s >= t - 4 && s <= t + 1) flops += batch * heads * (2 * width + 2 * width);
    const ints = [batch, heads, heads, queries, keys, width, width, ...new Array(15).fill(0), 4, 1];
    const call = { name: 'attention', tensors: noTensors(7), ints, floats: [], items: 1 };
    const numbers = batch * heads * width * 2 * (queries + keys);
    expect(costOf(call)).toEqual({ flops, bytes: 4 * numbers });
    // Sequences of 1 and 3 queries that read 4 and 2 keys.
    const segments = Int32Array.of(0, 1, 4, 0, 4, 6);
    const packed = { ...call, tensors: [...noTensors(6), segments] };
    expect(costOf(packed).flops).toBe((1 * 2 + 3 * 2) * heads * 4 * width);
    expect(costOf(packed).bytes).toBe(4 * heads * width * 2 * (queries + keys));
  });

  it('of a decoding step: counted layer by layer', () => {
    const [rows, width, keys, values, hidden, layers, sources, place, vocab] = [2, 8, 6, 10, 16, 3, 5, 4, 20];
    let weights = vocab * width;
    let cached = 0;
    for (let layer = 0; layer < layers; layer++) {
      weights += width * keys + width * keys + width * values + values * width; // own query, key, value, output
      weights += width * keys + values * width; // query and output of the attention to the source
      weights += width * hidden + hidden * width;
      for (let row = 0; row < rows; row++) cached += (place + 1 + sources) * (keys + values);
    }
    const ints = [rows, width, 2, keys, values, hidden, layers, 9, sources, place, vocab, 1, 0, 1];
    const call = { name: 'decoder_step', tensors: [], ints, floats: [], items: 1 };
    expect(costOf(call)).toEqual({ flops: 2 * (rows * weights + cached), bytes: 4 * (weights + cached) });
    // A gate is one matrix more in each layer; codes of eight bits are a byte each.
    const all = weights + layers * width * hidden;
    const gated = { ...call, ints: [...ints, 0, 0, 8, 1] };
    const flops = 2 * (rows * all + cached);
    expect(costOf(gated)).toEqual({ flops, bytes: all + 4 * cached, unit: 'int8' });
  });

  it('of blocks that are copied: what is written, and what of it comes from elsewhere', () => {
    const [y, x] = [new Float32Array(3 * 7), new Float32Array(3 * 9)];
    const pieces = [...[2, 0, 0], ...[5, 9, 1]];
    const call = {
      name: 'copy_blocks',
      tensors: [y, null, x],
      ints: [4, 2, ...pieces],
      floats: [],
      items: 21,
    };
    let elements = 0;
    for (let row = 0; row < 3; row++) elements += 2 + 5 + 5;
    expect(costOf(call)).toEqual({ flops: 0, bytes: 4 * elements });
    const nothing = { ...call, tensors: [new Float32Array(0), x], ints: [4, 1, 0, 9, 1], items: 0 };
    expect(costOf(nothing)).toEqual({ flops: 0, bytes: 0 });
  });

  it('of quantised rows: only those that are asked for', () => {
    const tensors = [new Float32Array(6 * 64), new Uint8Array(1e6), new Float32Array(1e4), new Int32Array(6)];
    const call = { name: 'quantized_embedding', tensors, ints: [64, 4], floats: [1], items: 6 };
    expect(costOf(call)).toEqual({ flops: 0, bytes: 6 * 64 * 4 + (6 * 64) / 2 });
  });

  it('of an alignment: operations of every place', () => {
    const [p, y] = [new Float32Array(2 * 3 * 5), new Float32Array(2 * 3 * 5)];
    const call = { tensors: [y, p, null], ints: [2, 3, 5], floats: [], items: 1, workPerItem: 1e6 };
    // Two products, a sum and 1 − p forward.
    expect(costOf({ ...call, name: 'monotonic_alignment' })).toEqual({ flops: 4 * 30, bytes: 4 * 60 });
    expect(costOf({ ...call, name: 'monotonic_alignment_backward' }).flops).toBe(8 * 30);
  });

  it('of any other kernel: every tensor once, and no operations, whatever the hint for the threads', () => {
    const call = {
      name: 'binary',
      tensors: [new Float32Array(6), null, new Float32Array(6)],
      ints: [],
      floats: [],
      items: 6,
      workPerItem: 1e6,
    };
    expect(costOf(call)).toEqual({ flops: 0, bytes: 48 });
  });
});

const ceilings: Ceilings = {
  gflops: new Map([
    [1, 100],
    [2, 180],
  ]),
  products: new Map([
    ['bf16', 360],
    ['int8', 720],
  ]),
  bandwidths: [
    { bytes: 1000, read: 80, triad: 90 },
    { bytes: 1e6, read: 20, triad: 15 },
  ],
};

it('the floor is the larger of arithmetic and memory, at the speed of the unit and of the memory that holds it', () => {
  expect(floorOf(ceilings, { flops: 180e6, bytes: 0 })).toBeCloseTo(1);
  expect(floorOf(ceilings, { flops: 0, bytes: 900 })).toBeCloseTo(900 / 90e6);
  expect(floorOf(ceilings, { flops: 0, bytes: 1001 })).toBeCloseTo(1001 / 20e6);
  expect(floorOf(ceilings, { flops: 0, bytes: 2e7 })).toBeCloseTo(1);
  expect(floorOf(ceilings, { flops: 180e6, bytes: 4e7 })).toBeCloseTo(2);
  const inBf16 = { flops: 180e6, bytes: 0, unit: 'bf16' } as const;
  expect(floorOf(ceilings, inBf16)).toBeCloseTo(0.5);
  expect(floorOf({ ...ceilings, products: new Map() }, inBf16)).toBeCloseTo(1);
});

it('the probes compute what they say, on every number of threads', (context) => {
  needDevice(context, 'native');
  const device = getDevice('native');
  const x = Float32Array.from({ length: 2 * 4096 }, (_, i) => i % 7);
  const z = Float32Array.from({ length: x.length }, (_, i) => i % 5);
  const [y, sums] = [new Float32Array(x.length), new Float32Array(2)];
  device.launch({ name: 'probe_triad', tensors: [y, x, z], ints: [0], floats: [], items: 2 });
  expect(y).toEqual(x.map((value, i) => value + z[i]! / 2));
  device.launch({ name: 'probe_read', tensors: [sums, x], ints: [], floats: [], items: 2 });
  expect([...sums]).toEqual(
    [0, 1].map((block) => x.subarray(block * 4096, (block + 1) * 4096).reduce((a, b) => a + b)),
  );
  const ceilings = measureCeilings(device)!;
  expect([...ceilings.gflops.keys()].at(-1)).toBe(device.threads());
  expect(ceilings.products.has('bf16')).toBe(device.bf16Unit !== undefined);
  expect(ceilings.products.has('int8')).toBe(true);
  for (const rate of [...ceilings.gflops.values(), ...ceilings.products.values()])
    expect(rate).toBeGreaterThan(0.1);
  for (const { read, triad } of ceilings.bandwidths) expect(Math.min(read, triad)).toBeGreaterThan(0.01);
});

describe('a profile', () => {
  const work = (): void => {
    const noise = (...shape: number[]): Tensor =>
      tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5), shape, {
        device: 'native',
        requiresGrad: true,
      });
    scope(() => {
      const x = matmul(noise(4, 3), noise(3, 6));
      const heads = attention(x.view([1, 4, 6]), noise(1, 5, 6), noise(1, 5, 6), null, { numHeads: 2 });
      backward(sum(heads));
      backward(sum(matmul(noise(4, 3), noise(3, 6))));
    });
  };

  it('names the ops of the tape, forward and backward apart, matrix products by shape', (context) => {
    needDevice(context, 'native');
    const { ops, scriptMilliseconds, milliseconds } = profile(getDevice('native'), undefined, 3, work);
    const calls = Object.fromEntries(ops.map(({ op, calls: count }) => [op, count]));
    expect(calls).toMatchObject({
      'matmul 4×6×3': 2,
      attention: 1,
      'attention.backward': 1,
      'matmul.backward 4×3×6 Bᵀ': 1,
      'matmul.backward 3×6×4 Aᵀ': 1,
      sum: 2,
    });
    expect(ops.every(({ rate }) => rate === undefined)).toBe(true);
    expect(scriptMilliseconds).toBeLessThanOrEqual(milliseconds);
  });

  it('rates products in bf16 and with codes by operations, a kernel that nobody has counted by bytes', (context) => {
    needDevice(context, 'native');
    const device = getDevice('native');
    const side = 256;
    const square = () => tensor(new Float32Array(side * side).fill(0.5), [side, side], { device });
    const codes = new QuantizedMatrix(square(), 'int8');
    const { ops } = profile(device, ceilings, 3, () =>
      scope(() => {
        const x = square();
        codes.multiply(x);
        softmax(x);
        if (device.bf16Unit !== undefined) withPrecision('bf16', device, () => matmul(x, x));
      }),
    );
    const found = new Map(ops.map((each) => [each.op, each]));
    const products = new Map([['quantizedLinear', ceilings.products.get('int8')!]]);
    if (device.bf16Unit !== undefined)
      products.set('matmul 256×256×256 bf16', ceilings.products.get('bf16')!);
    for (const [op, peak] of products) {
      const { unit, rate, overFloor, milliseconds } = found.get(op)!;
      expect(unit, op).toBe('GFLOP/s');
      expect(rate! * milliseconds, op).toBeCloseTo((2 * side ** 3) / 1e6, 6);
      expect(overFloor! * rate!, op).toBeCloseTo(peak, 6);
    }
    const { unit, rate, milliseconds } = found.get('softmax')!;
    expect(unit).toBe('GB/s');
    expect(rate! * milliseconds).toBeCloseTo((8 * side ** 2) / 1e6, 6);
  });

  it('accounts for all of the time, and leaves the device as it was', (context) => {
    needDevice(context, 'native');
    const device = getDevice('native');
    const { launch } = device;
    const { ops, scriptMilliseconds, milliseconds } = profile(device, measureCeilings(device), 1, work);
    const inKernels = ops.reduce((total, op) => total + op.milliseconds, 0);
    expect(inKernels + scriptMilliseconds).toBeCloseTo(milliseconds, 6);
    expect(ops.every(({ overFloor, unit }) => overFloor! > 0 && unit !== undefined)).toBe(true);
    expect(device.launch).toBe(launch);
    const boom = (): never => {
      throw new Error('boom');
    };
    expect(() => profile(device, undefined, 1, boom)).toThrow('boom');
    expect(device.launch).toBe(launch);
  });
});
