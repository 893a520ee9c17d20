/** Benchmarks by name. */
import type { Device } from '../core/device.ts';
import type { Precision } from '../core/precision.ts';
import { benchDecoding, decodingRun } from './decode.ts';
import { benchGemm, gemmShapes } from './gemm.ts';
import { benchShapes } from './shapes.ts';
import { benchTraining, trainingStep } from './train.ts';

export { type Ceilings, measureCeilings } from './ceilings.ts';
export { type OpProfile, type Profile, profile } from './profile.ts';

/** One line of a benchmark's output. */
export type BenchLine = Readonly<Record<string, string | number>>;

export interface BenchOptions {
  readonly device: Device;
  readonly rounds: number;
  /** Of training. */
  readonly precision: Precision;
}

type Bench = (name: string, options: BenchOptions) => Iterable<BenchLine>;

function facts(name: string, { device }: BenchOptions): Record<string, string | number> {
  return {
    name,
    device: device.name,
    threads: device.threads(),
    precision: device.floatType === 'float32' ? 'fp32' : 'fp64',
  };
}

const training = (shape: keyof typeof benchShapes): Bench =>
  function* (name, options) {
    const { device, rounds, precision } = options;
    yield {
      ...facts(name, options),
      precision,
      ...benchTraining(benchShapes[shape], device, rounds, precision),
    };
  };

const decoding = (shape: keyof typeof benchShapes): Bench =>
  function* (name, options) {
    for (const batch of [1, 32]) {
      const tokensPerSecond = benchDecoding(benchShapes[shape], options.device, batch, options.rounds);
      yield { ...facts(name, options), batch, tokensPerSecond };
    }
  };

const gemm: Bench = function* (name, options) {
  for (const shape of gemmShapes) {
    const { best, median } = benchGemm(shape, options.device, options.rounds);
    const { m, n, k, transposeA = false, transposeB = false } = shape;
    const trans = `${transposeA ? 'Aᵀ' : ''}${transposeB ? 'Bᵀ' : ''}`;
    yield { ...facts(name, options), m, n, k, transposed: trans, gflops: best, medianGflops: median };
  }
};

export const benches: ReadonlyMap<string, Bench> = new Map([
  ['train-base256', training('base256')],
  ['train-tiny', training('tiny')],
  ['decode-base256', decoding('base256')],
  ['decode-tiny', decoding('tiny')],
  ['gemm', gemm],
]);

/** A piece of work that `--profile` takes apart. */
export interface ProfiledWork {
  /** What tells it from the others of its benchmark; empty where it is the only one. */
  readonly label: string;
  readonly run: () => void;
}

type Works = (options: Pick<BenchOptions, 'device' | 'precision'>) => readonly ProfiledWork[];

const trainingWork =
  (shape: keyof typeof benchShapes): Works =>
  ({ device, precision }) => [{ label: '', run: trainingStep(benchShapes[shape], device, precision) }];

const decodingWorks =
  (shape: keyof typeof benchShapes): Works =>
  ({ device }) =>
    [1, 32].map((batch) => ({
      label: `batch ${batch}`,
      run: decodingRun(benchShapes[shape], device, batch),
    }));

/** The benchmarks that can be taken apart. */
export const profiledBenches: ReadonlyMap<string, Works> = new Map([
  ['train-base256', trainingWork('base256')],
  ['train-tiny', trainingWork('tiny')],
  ['decode-base256', decodingWorks('base256')],
  ['decode-tiny', decodingWorks('tiny')],
]);
