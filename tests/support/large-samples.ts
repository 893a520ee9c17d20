/** Samples beside those of the ops: odd sizes, large enough that every launch has several tasks. */
import { type WindowParams, windowCount } from '../../src/ops/convolution/unfold.ts';
import { sampleRows } from '../../src/ops/quantized-linear/samples.ts';
import type { AnySample } from './conformance.ts';

const int32 = (shape: readonly number[], values: readonly number[]) =>
  ({ shape, values, dtype: 'int32' }) as const;

/** `count` whole numbers below `end`, in no order. */
const scattered = (count: number, end: number): number[] =>
  Array.from({ length: count }, (_, i) => (i * 7919 + Math.floor(i / end)) % end);

/** Where sequences of these lengths begin, and where the last one ends. */
const startsOf = (lengths: readonly number[]): number[] => {
  let end = 0;
  return [0, ...lengths.map((length) => (end += length))];
};

const twoSides = (queries: readonly number[], keys: readonly number[]) =>
  int32([2, queries.length + 1], [...startsOf(queries), ...startsOf(keys)]);

const turning = { numHeads: 3, layout: 'halves', start: 0, inverse: false } as const;
const rotary: readonly AnySample[] = [
  { inputs: [[3, 61, 102], [70, 34], null], params: { ...turning, start: 5 } },
  {
    inputs: [[3, 61, 66], [70, 22], int32([1, 61], scattered(61, 70))],
    params: { ...turning, layout: 'interleaved', inverse: true },
  },
];

const gatherLast: readonly AnySample[] = [
  { inputs: [[61, 517], int32([61, 19], scattered(61 * 19, 517))], params: { k: 19 } },
];
const scatterLast: readonly AnySample[] = [
  { inputs: [[61, 19], int32([61, 19], scattered(61 * 19, 517))], params: { k: 19, columns: 517 } },
];

const relative = {
  ...{ numHeads: 3, numKvHeads: 3, scale: 0.25, causal: false, causalOffset: 0, window: null },
  ...{ keyLength: 61, p: 0.2, key: [3, 4], width: 21, first: -11, perQuery: true, bins: true, softCap: 0 },
};
const packedQueries = [31, 0, 1, 17, 23, 9];
const packedKeys = [29, 3, 1, 19, 0, 11];
const relativeAttention: readonly AnySample[] = [
  {
    inputs: [[2, 61, 51], [2, 61, 51], [2, 61, 57], null, null, [2, 61, 63], [2, 3, 61, 61]],
    params: { ...relative, softCap: 3 },
  },
  {
    inputs: [
      [1, 81, 60],
      [1, 63, 30],
      [1, 63, 18],
      null,
      twoSides(packedQueries, packedKeys),
      [6, 1, 84],
      null,
    ],
    params: { ...relative, numHeads: 4, numKvHeads: 2, keyLength: 63, perQuery: false, causal: true },
  },
];

/** Sixty-one sequences of seven steps down to one, and a row of padding at the end. */
const steps = Array.from({ length: 61 }, (_, k) => 7 - Math.floor(k / 9));
const recurrentPlan = int32(
  [3, 61],
  [...startsOf(steps).slice(0, -1), ...steps, ...Array.from(steps, (_, k) => (k * 7) % 61)],
);
const recurrentRows = steps.reduce((sum, length) => sum + length, 1);
const recurrent: readonly AnySample[] = (
  [
    ['elman', 1, false],
    ['elmanRelu', 1, true],
    ['gru', 3, false],
    ['gru', 3, true],
    ['lstm', 4, true],
  ] as const
).map(([kind, gates, reverse]) => {
  const weight = { shape: [gates * 19, 19], range: [-0.3, 0.3] as const };
  const states = [[61, 19], kind === 'lstm' ? [61, 19] : null];
  return {
    inputs: [[recurrentRows, gates * 19], weight, [gates * 19], ...states, recurrentPlan],
    params: { kind, reverse },
  };
});

const windows: WindowParams = { taps: 5, stride: 2, dilation: 3, before: 6, after: 5 };
const imageRows = [130, 0, 1, 200];
const imageWindows = imageRows.map((length) => windowCount(length, windows));
const [allRows, allWindows] = [imageRows, imageWindows].map((lengths) => startsOf(lengths).at(-1)!);
const places = twoSides(imageRows, imageWindows);
const unfold: readonly AnySample[] = [
  { inputs: [[allRows!, 37], places], params: { ...windows, windows: allWindows } },
];
const fold: readonly AnySample[] = [
  { inputs: [[allWindows!, 5 * 37], places], params: { ...windows, rows: allRows } },
];

const additiveAttention: readonly AnySample[] = [
  {
    inputs: [[81, 37], [63, 37], [63, 19], [1, 37], null, twoSides(packedQueries, packedKeys)],
    params: { room: 29, reach: 2 ** 31, p: 0.2, key: [5, 6] },
  },
  {
    inputs: [[82, 21], [82, 21], [82, 35], [2, 21], null, twoSides([23, 18, 23, 18], [23, 18, 23, 18])],
    params: { room: 23, reach: 1, p: 0, key: [0, 0] },
  },
];

/** Places that are hidden in no order. */
const mask = (shape: readonly number[]) => {
  const values = scattered(
    shape.reduce((a, b) => a * b),
    7,
  ).map((n) => Number(n > 1));
  return { shape, values, dtype: 'bool' } as const;
};
const keepWhere: readonly AnySample[] = [
  { inputs: [[7, 3, 61, 67], mask([7, 1, 1, 67])], params: { value: 0 } },
  { inputs: [[7, 3, 19, 37], mask([7, 1, 19, 37])], params: { value: -2 } },
  { inputs: [[61, 517], mask([61, 1])], params: { value: 0.5 } },
];

const probabilities = (shape: readonly number[]) => ({ shape, range: [0.05, 0.95] }) as const;
const monotonicAlignment: readonly AnySample[] = [
  { inputs: [probabilities([61, 7, 19]), probabilities([61, 19])], params: {} },
  { inputs: [probabilities([5, 3, 130, 67]), null], params: {} },
];
const monotonicAlignmentGradient: readonly AnySample[] = monotonicAlignment.map(
  ({ inputs: [p, before], params }) => ({ inputs: [p!, p!, before!], params }),
);

const slice: readonly AnySample[] = [
  { inputs: [[61, 19, 23]], params: { axis: 1, start: 3, end: 17 } },
  { inputs: [[4001, 5]], params: { axis: 1, start: 4, end: 5 } },
  { inputs: [[70001]], params: { axis: 0, start: 3, end: 70000 }, note: 'a single block' },
];
const pad: readonly AnySample[] = [
  { inputs: [[61, 19, 23]], params: { axis: 1, before: 3, size: 29 } },
  { inputs: [[501, 67]], params: { axis: 0, before: 13, size: 600 } },
];
const concat: readonly AnySample[] = [
  { inputs: [3, 0, 17, 130].map((n) => [61, n, 5]), params: { axis: 1 } },
  { inputs: [130, 1, 300].map((n) => [n, 111]), params: { axis: 0 } },
];
const sign: readonly AnySample[] = [{ inputs: [[61, 517]], params: {} }];
const quantizedEmbedding: readonly AnySample[] = [
  sampleRows({ dtype: 'int8', outFeatures: 517, inFeatures: 109 }, scattered(401, 517)),
  sampleRows({ dtype: 'int4', outFeatures: 517, inFeatures: 96 }, scattered(401, 517)),
];

/** By name of the op. */
export const largeSamples: Readonly<Record<string, readonly AnySample[]>> = {
  ...{ keepWhere, monotonicAlignment, monotonicAlignmentGradient, slice, pad, concat, sign },
  quantizedEmbedding,
  ...{ rotary, gatherLast, scatterLast, relativeAttention, recurrent, unfold, fold, additiveAttention },
};
