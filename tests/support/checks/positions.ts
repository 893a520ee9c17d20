/** Relative positions against a slow form that makes a vector for every pair of query and key. */
import { expect } from 'vitest';
import { backward, getDevice, noGrad, Random, scope, sum, type Tensor } from '../../../src/index.ts';
import { MultiHeadAttention } from '../../../src/nn/attention/multi-head.ts';
import { makePosition, type PositionChoice, t5Bucket } from '../../../src/nn/position/index.ts';
import { disturb } from '../models.ts';
import { expectNear, leaf } from '../numbers.ts';

const [LENGTH, WIDTH, HEADS] = [7, 6, 2];
const HEAD = WIDTH / HEADS;

/** Query and key of a head, their places, and the factor on products. */
interface Pair {
  readonly q: number[];
  readonly k: number[];
  readonly h: number;
  readonly t: number;
  readonly s: number;
  readonly scale: number;
}

interface Pairs {
  /** Added to `scale · q · k`. */
  score(pair: Pair): number;
  /** Added to the value of key s where query t takes it. */
  value(t: number, s: number): number[];
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
};
const row = ({ data }: Tensor, at: number, width: number): number[] =>
  Array.from({ length: width }, (_, i) => data[at * width + i]!);

/** Self-attention of one text, pair by pair. */
function slowly(layer: MultiHeadAttention, x: Tensor, pairs: Pairs, causal: boolean): number[] {
  const [q, k, v] = [layer.query, layer.key, layer.value].map((linear) => linear.forward(x));
  const head = (from: Tensor) => (t: number, h: number) => row(from, t * HEADS + h, HEAD);
  const context = new Float64Array(LENGTH * WIDTH);
  for (let h = 0; h < HEADS; h++) {
    for (let t = 0; t < LENGTH; t++) {
      const seen = Array.from({ length: causal ? t + 1 : LENGTH }, (_, s) => s);
      const scores = seen.map((s) => {
        const pair = { q: head(q!)(t, h), k: head(k!)(s, h), h, t, s, scale: layer.scale };
        return layer.scale * dot(pair.q, pair.k) + pairs.score(pair);
      });
      const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
      seen.forEach((s, i) => {
        const value = head(v!)(s, h).map((own, d) => own + pairs.value(t, s)[d]!);
        for (let d = 0; d < HEAD; d++) {
          const place = (t * HEADS + h) * HEAD + d;
          context[place] = context[place]! + (Math.exp(scores[i]!) / sum) * value[d]!;
        }
      });
    }
  }
  const { weight, bias } = layer.output;
  return Array.from({ length: LENGTH * WIDTH }, (_, i) => {
    const own = context.subarray(Math.floor(i / WIDTH) * WIDTH).subarray(0, WIDTH);
    return dot(own, row(weight, i % WIDTH, WIDTH)) + bias!.data[i % WIDTH]!;
  });
}

function compare(
  choice: PositionChoice,
  pairsOf: (parameters: Map<string, Tensor>, causal: boolean) => Pairs,
): void {
  for (const causal of [false, true]) {
    const context = { random: new Random(5, 'relative'), device: 'reference' };
    const layer = disturb(new MultiHeadAttention({ dModel: WIDTH, numHeads: HEADS }, context), 1);
    const sizes = {
      width: WIDTH,
      maxSeqLen: 9,
      numLayers: 1,
      numHeads: HEADS,
      headDim: HEAD,
      valueDim: HEAD,
    };
    const made = disturb(makePosition(choice, { ...sizes, causal }, context), 2);
    const x = leaf([1, LENGTH, WIDTH], 3, 'x');
    const position = made.inAttention(0);
    const fast = noGrad(() => layer.forward(x, x, { causal, position }));
    const slow = noGrad(() => slowly(layer, x, pairsOf(new Map(made.namedParameters()), causal), causal));
    expectNear(fast.data, slow, 1e-12, `${JSON.stringify(choice)}, ${causal ? 'causal' : 'both sides'}`);
  }
}

const nothing = (): number[] => new Array<number>(HEAD).fill(0);

/** Shaw et al. 2018, equations 3 and 4, with a vector for each pair. */
export function shawEqualsPairs(): void {
  const maxDistance = 2;
  compare({ kind: 'shaw', maxDistance }, (parameters) => {
    const [keys, values] = ['layers.0.keys', 'layers.0.valueVectors'].map((name) => parameters.get(name)!);
    const clipped = (t: number, s: number): number =>
      Math.max(-maxDistance, Math.min(maxDistance, s - t)) + maxDistance;
    expect(clipped(6, 0)).toBe(clipped(6, 4));
    return {
      score: ({ q, t, s, scale }) => scale * dot(q, row(keys!, clipped(t, s), HEAD)),
      value: (t, s) => row(values!, clipped(t, s), HEAD),
    };
  });
}

/** §3.3 of the paper: no vector for each pair is ever stored, forward and backward. */
export function shawStoresNoPairs(name: string): void {
  const device = getDevice(name);
  const context = { random: new Random(5, 'memory'), device };
  const headDim = 16;
  const sizes = { width: 32, maxSeqLen: 512, numLayers: 1, numHeads: 2, headDim, valueDim: headDim };
  const layer = new MultiHeadAttention({ dModel: 32, numHeads: 2 }, context);
  const made = makePosition('shaw', { ...sizes, causal: false }, context);
  const peak = (length: number): number => {
    const x = leaf([1, length, 32], 3, 'x', name);
    const before = device.memory().liveBytes;
    device.resetPeak();
    scope(() => backward(sum(layer.forward(x, x, { position: made.inAttention(0) }))));
    return device.memory().peakBytes - before;
  };
  peak(256); // gradients of parameters stay
  const [half, whole] = [peak(256), peak(512)];
  expect(whole).toBeLessThan((512 * 512 * headDim * 4) / 4);
  expect(whole / half).toBeLessThan(2.5);
}

/** Dai et al. 2019, §3.3, with a projected sinusoid for each pair. */
export function xlEqualsPairs(): void {
  compare('transformer-xl', (parameters) => {
    const [u, v, weight] = ['contentBias', 'positionBias', 'projection.weight'].map(
      (name) => parameters.get(`layers.0.${name}`)!,
    );
    const wave = (distance: number): number[] =>
      Array.from({ length: WIDTH }, (_, c) => {
        const angle = distance / 10_000 ** ((2 * (c % (WIDTH / 2))) / WIDTH);
        return c < WIDTH / 2 ? Math.sin(angle) : Math.cos(angle);
      });
    const projected = (distance: number, h: number): number[] =>
      Array.from({ length: HEAD }, (_, d) => dot(row(weight!, h * HEAD + d, WIDTH), wave(distance)));
    return {
      score: ({ q, k, h, t, s, scale }) => {
        const biased = q.map((value, d) => value + v!.data[h * HEAD + d]!);
        return scale * (dot(biased, projected(t - s, h)) + dot(row(u!, h, HEAD), k));
      },
      value: nothing,
    };
  });
}

/** Press et al. 2021, figure 3: 2^−4 and 2^−8 are the slopes of two heads. */
export function alibiEqualsPairs(): void {
  compare('alibi', () => ({
    score: ({ h, t, s }) => -(2 ** (-4 * (h + 1))) * Math.abs(s - t),
    value: nothing,
  }));
}

/** Raffel et al. 2019, §2.1: a number for the head and the bucket of the distance. */
export function t5EqualsPairs(): void {
  const buckets = { numBuckets: 8, maxDistance: 6 };
  compare({ kind: 't5', ...buckets }, (parameters, causal) => ({
    score: ({ h, t, s }) => {
      const bucket = t5Bucket(s - t, { ...buckets, bidirectional: !causal });
      return parameters.get('weight')!.data[bucket * HEADS + h]!;
    },
    value: nothing,
  }));
}
