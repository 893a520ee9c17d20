/**
 * How the cost of one layer, forward and backward, grows with its width, the length of the sequences and the batch.
 * A cliff is a point that takes much longer than its neighbours promise.
 */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { scope } from '../core/scope.ts';
import { backward } from '../core/tape.ts';
import { full, tensor } from '../core/tensor.ts';
import { withDropoutKeys } from '../nn/dropout-keys.ts';
import { FeedForward, MultiHeadAttention, Residual } from '../nn/index.ts';

/** A layer and what it reads. */
export interface ScalingSize {
  readonly width: number;
  readonly sequence: number;
  readonly batch: number;
}

/** One measured point of a sweep. */
export interface ScalingPoint extends ScalingSize {
  /** Which size this sweep changes. */
  readonly sweep: keyof ScalingSize;
  readonly milliseconds: number;
  readonly tokensPerSecond: number;
  readonly gflops: number;
  /** Measured time over the trend of its neighbours, as `overTrend` gives it. */
  readonly overTrend: number | undefined;
}

/** Heads are about so wide. */
const HEAD_WIDTH = 32;
/** At least so long is one value of a round. */
const ROUND_MILLISECONDS = 50;
/** The sizes that each sweep goes through; with the others it keeps to those of its base. */
export type Sweeps = Readonly<Record<keyof ScalingSize, readonly number[]>>;

const allSweeps: Sweeps = {
  width: [64, 96, 100, 128, 192, 200, 250, 256, 320, 384, 500, 512, 640, 768, 1000, 1024],
  sequence: [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048],
  batch: [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256],
};
const base: ScalingSize = { width: 256, sequence: 64, batch: 4 };

/** Multiply-adds of matrix products, forward once and backward twice, each two operations. */
export function layerFlops({ width, sequence, batch }: ScalingSize): number {
  const tokens = batch * sequence;
  const projections = 4 * width * width;
  const feedForward = 2 * width * (4 * width);
  const attention = 2 * sequence * width;
  return 3 * 2 * tokens * (projections + feedForward + attention);
}

/** The number of heads that divides the width and makes them nearest to `HEAD_WIDTH` in ratio. */
export function headsOf(width: number): number {
  const divisors = Array.from({ length: width }, (_, i) => i + 1).filter((heads) => width % heads === 0);
  const distance = (heads: number): number => Math.abs(Math.log(width / heads / HEAD_WIDTH));
  return divisors.reduce((best, heads) => (distance(heads) < distance(best) ? heads : best));
}

/** A function that runs a pre-norm encoder layer forward and backward, and how to free what it holds. */
function layerStep({ width, sequence, batch }: ScalingSize, device: Device) {
  const context = { random: new Random(1, 'scaling'), device };
  const dropout = 0.1;
  const residual = () => new Residual({ dModel: width, placement: 'pre', dropout, normEps: 1e-5 }, context);
  const attention = new MultiHeadAttention({ dModel: width, numHeads: headsOf(width), dropout }, context);
  const feedForward = new FeedForward({ dModel: width, dFf: 4 * width, dropout }, context);
  const [first, second] = [residual(), residual()];
  const modules = [attention, feedForward, first, second];
  const noise = new Random(2, 'scaling');
  const values = Float32Array.from({ length: batch * sequence * width }, () => noise.uniform() - 0.5);
  const x = tensor(values, [batch, sequence, width], { device, requiresGrad: true });
  const step = (): void => {
    withDropoutKeys(1, 1, () =>
      scope(() => {
        const attended = first.forward(x, (y) => attention.forward(y, y));
        const output = second.forward(attended, (y) => feedForward.forward(y));
        backward(output, { grad: full(output.shape, 1, { device }) });
      }),
    );
    for (const each of modules) each.zeroGrad();
    x.grad?.dispose();
    x.grad = undefined;
  };
  const dispose = (): void => {
    for (const each of modules) for (const parameter of each.parameters()) parameter.dispose();
    x.dispose();
  };
  return { step, dispose };
}

/**
 * Milliseconds of one step of each size, the fastest of the rounds: what else runs only ever adds time. Sizes take turns,
 * so that who takes the machine for a second slows one round of many and not all rounds of one. The first step of a turn
 * is not measured: it finds the memory pool filled with buffers of another size.
 */
function measure(sizes: readonly ScalingSize[], device: Device, rounds: number): number[] {
  const layers = sizes.map((size) => layerStep(size, device));
  const turn = (step: () => void, steps: number): number => {
    step();
    const start = performance.now();
    for (let i = 0; i < steps; i++) step();
    return (performance.now() - start) / steps;
  };
  const steps = layers.map(({ step }) => Math.max(1, Math.ceil(ROUND_MILLISECONDS / turn(step, 1))));
  const times = layers.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { step }] of layers.entries()) times[i] = Math.min(times[i]!, turn(step, steps[i]!));
  }
  for (const { dispose } of layers) dispose();
  return times;
}

interface WorkTime {
  readonly work: number;
  readonly time: number;
}

/** The time at some work of the power law through two points: a straight line between logarithms. */
function onLine(work: number, a: WorkTime, b: WorkTime): number {
  const place = Math.log(work / a.work) / Math.log(b.work / a.work);
  return a.time ** (1 - place) * b.time ** place;
}

/**
 * Measured times over the trend: the time that a straight line through the neighbours, logarithm of the time against
 * logarithm of the work, gives at this point. Both neighbours where there are two; for the last point the one before it
 * and the nearest one with at most half its work. The first point has none: what a launch costs, however small its
 * work, bends every curve there.
 *
 * @param points - work (any unit) and time, the work ascending
 * @returns undefined for the first point, and for all where there are fewer than three
 */
export function overTrend(points: readonly WorkTime[]): (number | undefined)[] {
  return points.map(({ work, time }, i) => {
    const before = points[i - 1];
    const other = points[i + 1] ?? behind(points.slice(0, -2), before);
    return before && other ? time / onLine(work, before, other) : undefined;
  });
}

/** The last of some points with at most half the work of another, or the first of them. */
function behind(points: readonly WorkTime[], next: WorkTime | undefined): WorkTime | undefined {
  return points.findLast(({ work }) => next && work <= next.work / 2) ?? points[0];
}

/**
 * Measures all sweeps, one after the other.
 *
 * @param rest - the sizes that a sweep does not change
 */
export function* measureScaling(
  device: Device,
  rounds: number,
  sweeps = allSweeps,
  rest = base,
): Generator<ScalingPoint> {
  for (const sweep of ['width', 'sequence', 'batch'] as const) {
    const sizes = sweeps[sweep].map((value) => ({ ...rest, [sweep]: value }));
    const times = measure(sizes, device, rounds);
    const ratios = overTrend(sizes.map((size, i) => ({ work: layerFlops(size), time: times[i]! })));
    for (const [i, size] of sizes.entries()) {
      const milliseconds = times[i]!;
      yield {
        sweep,
        ...size,
        milliseconds,
        tokensPerSecond: (1000 * size.batch * size.sequence) / milliseconds,
        gflops: layerFlops(size) / milliseconds / 1e6,
        overTrend: ratios[i],
      };
    }
  }
}
