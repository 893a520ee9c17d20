/**
 * What attention costs as sequences grow, kind by kind: operations that are counted where they happen, bytes that
 * tensors held at most, and time, of one forward and backward pass.
 */
import { countOps } from '../core/counter.ts';
import type { Device } from '../core/device.ts';
import { scope } from '../core/scope.ts';
import { backward } from '../core/tape.ts';
import { full, type Tensor, tensor } from '../core/tensor.ts';
import { sparsePattern } from '../nn/attention/patterns.ts';
import { attention, attentionParams } from '../ops/attention/index.ts';
import { attentionParts } from '../ops/attention/reference.ts';
import { lengthProjection } from '../ops/length-projection/index.ts';
import { linearAttention } from '../ops/linear-attention/index.ts';
import { sparseAttention } from '../ops/sparse-attention/index.ts';

/** One measured length of one kind. */
export interface AttentionPoint {
  readonly kind: string;
  readonly length: number;
  readonly flops: number;
  /** Every input and output of every op once. */
  readonly bytes: number;
  /** Most bytes in tensors at one time, those of queries, keys and values included. */
  readonly memory: number;
  readonly milliseconds: number;
}

/** How a kind grows: the power of the length, by least squares over the logarithms of the longer half. */
export interface AttentionSlopes {
  readonly kind: string;
  readonly flopsSlope: number;
  readonly bytesSlope: number;
  readonly memorySlope: number;
  readonly timeSlope: number;
}

const WIDTH = 256;
const HEADS = 4;
const LENGTHS = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];

/** What every pass reads: queries, keys and values `[1, L, C]`. */
type Inputs = readonly [query: Tensor, key: Tensor, value: Tensor];
type Pass = (inputs: Inputs) => Tensor;

interface Kind {
  /** Longer sequences would not fit into memory. */
  readonly longest?: number;
  /** Makes what depends on the length alone. */
  prepare(length: number, device: Device): Pass;
}

const numHeads = HEADS;

/** Numbers between −size and size without order; drawing millions of them well would take longer than to attend. */
function noise(length: number, size: number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = (Math.imul(i + 1, 0x9e3779b1) / 2 ** 31) * size;
  return values;
}

const sparse = (options: Parameters<typeof sparsePattern>[1]): Kind => ({
  prepare: (length) => {
    const pattern = sparsePattern([length], options);
    return ([q, k, v]) => sparseAttention(q, k, v, pattern, null, { numHeads });
  },
});

/** Every length becomes 256 rows; the matrix is a parameter. */
function linformer(length: number, device: Device): Pass {
  const rows = 256;
  const weight = tensor(noise(rows * length, 1 / Math.sqrt(rows)), [1, rows, length], {
    device,
    requiresGrad: true,
  });
  const starts = tensor(Int32Array.of(0, length), [2], { dtype: 'int32', device });
  return ([q, k, v]) => {
    const [keys, values] = [k, v].map((x) => lengthProjection(x, weight, starts)) as [Tensor, Tensor];
    return attention(q, keys, values, null, { numHeads });
  };
}

/** Each kind with what it sees. */
export const attentionKinds: Readonly<Record<string, Kind>> = {
  full: {
    prepare:
      () =>
      ([q, k, v]) =>
        attention(q, k, v, null, { numHeads }),
  },
  'full in plain ops': {
    longest: 4096,
    prepare:
      () =>
      ([q, k, v]) =>
        attentionParts(q, k, v, null, attentionParams(q, k, { numHeads })).output,
  },
  'window 256': {
    prepare:
      () =>
      ([q, k, v]) =>
        attention(q, k, v, null, { numHeads, window: [128, 128] }),
  },
  'global 16': sparse({ blockSize: 16, window: 4, globals: 1 }),
  'random 64': sparse({ blockSize: 16, random: 4 }),
  bigbird: sparse({ blockSize: 64, window: 1, globals: 2, random: 3 }),
  'linformer 256': { prepare: linformer },
  linear: {
    prepare:
      () =>
      ([q, k, v]) =>
        linearAttention(q, k, v, null, { numHeads }),
  },
  'linear, causal': {
    prepare:
      () =>
      ([q, k, v]) =>
        linearAttention(q, k, v, null, { numHeads, causal: true }),
  },
};

function inputsOf(length: number, device: Device): Inputs {
  const make = (size: number): Tensor =>
    tensor(noise(length * WIDTH, size), [1, length, WIDTH], { device, requiresGrad: true });
  return [make(1), make(0.9), make(0.8)];
}

/** A value counts only when the pass took at least so long; several passes together otherwise. */
const ROUND_MILLISECONDS = 20;
/** Longer passes are not repeated as often. */
const MOST_MILLISECONDS = 4000;

/**
 * Milliseconds of one pass, the fastest of the rounds: what else runs only ever adds time.
 *
 * @param first - milliseconds of a pass that has run already
 */
function fastest(pass: () => void, rounds: number, first: number): number {
  const timed = (passes: number): number => {
    const start = performance.now();
    for (let i = 0; i < passes; i++) pass();
    return (performance.now() - start) / passes;
  };
  let best = first;
  const passes = Math.max(1, Math.ceil(ROUND_MILLISECONDS / best));
  const affordable = Math.ceil(MOST_MILLISECONDS / (best * passes));
  for (let round = 0; round < Math.min(rounds, affordable); round++) best = Math.min(best, timed(passes));
  return best;
}

/** One length of one kind, forward and backward. */
export function measureAttention(
  kind: string,
  length: number,
  device: Device,
  rounds: number,
): AttentionPoint {
  return scope(() => {
    const before = device.memory().liveBytes;
    const inputs = inputsOf(length, device);
    const pass = attentionKinds[kind]!.prepare(length, device);
    const run = (): void => {
      scope(() => {
        const output = pass(inputs);
        backward(output, { grad: full(output.shape, 1, { device }) });
      });
      for (const x of inputs) {
        x.grad?.dispose();
        x.grad = undefined;
      }
    };
    device.resetPeak();
    const start = performance.now();
    const { flops, bytes } = countOps(run).counts;
    const milliseconds = fastest(run, rounds, performance.now() - start);
    return { kind, length, flops, bytes, memory: device.memory().peakBytes - before, milliseconds };
  });
}

/** The slope of a straight line through points, by least squares. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (axis: 0 | 1): number =>
    points.reduce((total, point) => total + point[axis], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const along = points.reduce((total, point) => total + (point[0] - x) * (point[1] - y), 0);
  return along / points.reduce((total, point) => total + (point[0] - x) ** 2, 0);
}

/** The powers with which the longer half of one kind's points grow. */
export function slopesOf(kind: string, points: readonly AttentionPoint[]): AttentionSlopes {
  const longer = points.slice(Math.floor(points.length / 2));
  const power = (of: 'flops' | 'bytes' | 'memory' | 'milliseconds'): number =>
    slopeOf(longer.map((point) => [Math.log(point.length), Math.log(point[of])]));
  return {
    kind,
    flopsSlope: power('flops'),
    bytesSlope: power('bytes'),
    memorySlope: power('memory'),
    timeSlope: power('milliseconds'),
  };
}

/** All kinds at all lengths; after each kind how it grows. */
export function* measureAttentionScaling(
  device: Device,
  rounds: number,
  lengths: readonly number[] = LENGTHS,
): Generator<AttentionPoint | AttentionSlopes> {
  for (const [kind, { longest = Infinity }] of Object.entries(attentionKinds)) {
    const points: AttentionPoint[] = [];
    for (const length of lengths.filter((n) => n <= longest)) {
      const point = measureAttention(kind, length, device, rounds);
      points.push(point);
      yield point;
    }
    yield slopesOf(kind, points);
  }
}
