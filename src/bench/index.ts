/** Benchmarks by name. */
import type { Device } from '../core/device.ts';
import type { Precision } from '../core/precision.ts';
import { type AttentionPoint, measureAttentionScaling } from './attention-scaling.ts';
import { attentionScalingPlot } from './attention-scaling-plot.ts';
import { benchCharGpt, readCharacters } from './char-gpt.ts';
import { benchDecoding, decodingRun } from './decode.ts';
import { benchGemm, type GemmShape, gemmShapes } from './gemm.ts';
import { benchGpt2, benchGpt2Model } from './gpt2.ts';
import { measureMechanisms } from './mechanisms.ts';
import { measureScaling, type ScalingPoint } from './scaling.ts';
import { scalingPlot } from './scaling-plot.ts';
import { benchShapes } from './shapes.ts';
import { measureSharing } from './sharing.ts';
import { measureTokenizers } from './tokenizers.ts';
import { benchTraining, trainingStep } from './train.ts';

export { type Ceilings, measureCeilings } from './ceilings.ts';
export { parseShape } from './gemm.ts';
export { type OpProfile, type Profile, profile } from './profile.ts';

/** One line of a benchmark's output. */
export type BenchLine = Readonly<Record<string, string | number>>;

export interface BenchOptions {
  readonly device: Device;
  readonly rounds: number;
  /** Of training. */
  readonly precision: Precision;
  /** Text file for the benchmarks that learn from one. */
  readonly data?: string | undefined;
  /** Of `gemm`, instead of all. */
  readonly shape?: GemmShape | undefined;
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
    const { device, rounds } = options;
    for (const dtype of [undefined, 'int8', 'int4'] as const) {
      for (const batch of [1, 32]) {
        const tokensPerSecond = benchDecoding(benchShapes[shape], device, batch, rounds, dtype);
        yield { ...facts(name, options), ...(dtype && { precision: dtype }), batch, tokensPerSecond };
      }
    }
  };

const gpt2: Bench = function* (name, options) {
  const { device, rounds } = options;
  for (const dtype of [undefined, 'int8', 'int4'] as const) {
    const model = benchGpt2Model(device, dtype);
    const figures = benchGpt2(model, device, rounds);
    for (const tensor of model.stateDict().values()) tensor.dispose();
    yield { ...facts(name, options), ...(dtype && { precision: dtype }), ...figures };
  }
};

const gemm: Bench = function* (name, options) {
  for (const shape of options.shape ? [options.shape] : gemmShapes) {
    const { best, median } = benchGemm(shape, options.device, options.rounds);
    const { m, n, k, transposeA = false, transposeB = false } = shape;
    const trans = `${transposeA ? 'Aᵀ' : ''}${transposeB ? 'Bᵀ' : ''}`;
    yield { ...facts(name, options), m, n, k, transposed: trans, gflops: best, medianGflops: median };
  }
};

/** Trains once: `rounds` does not count. */
const charGpt: Bench = function* (name, options) {
  const { device, precision, data } = options;
  yield { ...facts(name, options), precision, ...benchCharGpt(readCharacters(data), device, { precision }) };
};

const scaling: Bench = function* (name, options) {
  for (const point of measureScaling(options.device, options.rounds))
    yield { ...facts(name, options), ...point, overTrend: point.overTrend ?? '' };
};

const attentionScaling: Bench = function* (name, options) {
  for (const line of measureAttentionScaling(options.device, options.rounds))
    yield { ...facts(name, options), ...line };
};

const sharing: Bench = function* (name, options) {
  for (const figures of measureSharing(options.device, options.rounds))
    yield { ...facts(name, options), ...figures };
};

const mechanisms: Bench = function* (name, options) {
  for (const figures of measureMechanisms(benchShapes.tiny, options.device, options.rounds))
    yield { ...facts(name, options), ...figures };
};

const tokenizers: Bench = function* (name, { data, rounds }) {
  for (const figures of measureTokenizers(data, rounds)) yield { name, ...figures };
};

/** Those that run only when they are named: they need a text file, or minutes. */
export const namedBenches: ReadonlySet<string> = new Set([
  'char-gpt',
  'scaling',
  'attention-scaling',
  'threads',
  'tokenizers',
  'mechanisms',
]);

/** Pictures of benchmarks, from the lines that they gave. */
export const plots: ReadonlyMap<string, (lines: readonly BenchLine[]) => string> = new Map([
  ['scaling', (lines) => scalingPlot(lines as unknown as ScalingPoint[])],
  [
    'attention-scaling',
    (lines) => attentionScalingPlot(lines.filter((line) => 'length' in line) as unknown as AttentionPoint[]),
  ],
]);

export const benches: ReadonlyMap<string, Bench> = new Map([
  ['train-base256', training('base256')],
  ['train-tiny', training('tiny')],
  ['decode-base256', decoding('base256')],
  ['decode-tiny', decoding('tiny')],
  ['gemm', gemm],
  ['decode-gpt2', gpt2],
  ['char-gpt', charGpt],
  ['scaling', scaling],
  ['attention-scaling', attentionScaling],
  ['threads', sharing],
  ['tokenizers', tokenizers],
  ['mechanisms', mechanisms],
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
