/**
 * Attention with a small network as score: `score(q, k) = vᵀ tanh(q + k)`.
 *
 * Paper: Bahdanau, Cho & Bengio, Neural Machine Translation by Jointly Learning to Align and Translate, 2014,
 * https://arxiv.org/abs/1409.0473
 */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, expectType, type Sample } from '../../core/op.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import { Tensor, tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { matmul } from '../matmul/index.ts';
import { reshape } from '../shape/reshape.ts';
import { softmax } from '../softmax/index.ts';
import { keepWhere } from '../where/index.ts';
import { additiveScores } from './scores.ts';

interface AdditiveParams {
  /** Keys of the longest sequence. */
  readonly room: number;
}

type AdditiveInputs = readonly [
  query: Tensor,
  key: Tensor,
  value: Tensor,
  vector: Tensor,
  mask: Tensor | null,
  segments: Tensor,
];

const segments = (values: readonly number[]) =>
  ({ shape: [2, values.length / 2], values, dtype: 'int32' }) as const;
const hidden = (values: readonly number[]) => ({ shape: [values.length], values, dtype: 'bool' }) as const;

const samples: readonly Sample<AdditiveParams>[] = [
  {
    inputs: [[3, 4], [5, 4], [5, 6], [4], null, segments([0, 3, 0, 5])],
    params: { room: 5 },
  },
  {
    inputs: [[6, 17], [7, 17], [7, 3], [17], null, segments([0, 2, 2, 4, 6, 0, 3, 3, 3, 7])],
    params: { room: 4 },
    note: 'sequences in a row; one has no query, one no key',
  },
  {
    inputs: [[4, 5], [6, 5], [6, 33], [5], hidden([1, 1, 0, 0, 0, 0]), segments([0, 2, 4, 0, 3, 6])],
    params: { room: 3 },
    note: 'masked, and a sequence whose keys are all hidden',
  },
  { inputs: [[0, 2], [0, 2], [0, 3], [2], null, segments([0, 0])], params: { room: 0 } },
];

/** `[T, S]`, true where the key is visible and of the query's sequence. */
function visibleKeys([query, key, , , mask, places]: AdditiveInputs): Tensor {
  const [T, S] = [query.shape[0]!, key.shape[0]!];
  const n = places.shape[1]! - 1;
  const allowed = new Uint8Array(T * S);
  for (let s = 0; s < n; s++) {
    const [firstKey, endKey] = [places.data[n + 1 + s]!, places.data[n + 2 + s]!];
    for (let t = places.data[s]!; t < places.data[s + 1]!; t++) {
      for (let k = firstKey; k < endKey; k++) allowed[t * S + k] = mask ? mask.data[k]! : 1;
    }
  }
  return tensor(allowed, [T, S], { dtype: 'bool', device: query.device });
}

/** Every query with every key: scores and weights `[T, S]`, output `[T, E]`. */
function composed(inputs: AdditiveInputs) {
  const [query, key, value, vector] = inputs;
  const whole = (rows: Tensor): Tensor => reshape(rows, [1, ...rows.shape]);
  const all = additiveScores(whole(query), whole(key), vector);
  const scores = reshape(all, [query.shape[0]!, key.shape[0]!]);
  const weights = softmax(keepWhere(scores, visibleKeys(inputs), Number.NEGATIVE_INFINITY));
  return { scores, weights, output: matmul(weights, value) };
}

function checkShapes([query, key, value, vector, mask, places]: readonly (Shape | null)[]): void {
  const width = vector!.at(-1);
  const fits =
    vector!.length === 1 &&
    [query, key, value].every((each) => each!.length === 2) &&
    query![1] === width &&
    key![1] === width &&
    value![0] === key![0] &&
    (!mask || (mask.length === 1 && mask[0] === key![0])) &&
    places![0] === 2;
  if (fits) return;
  throw new ShapeError({
    where: 'additiveAttention',
    expected: `query and key of the width of the vector (${width}), as many values as keys`,
    got: [query, key, value, vector].map((each) => formatShape(each!)).join(', '),
    hint: 'project queries and keys to the same width first',
  });
}

function kernelInts([query, , value, , , places]: AdditiveInputs, { room }: AdditiveParams): number[] {
  return [places.shape[1]! - 1, query.shape[1]!, value.shape[1]!, room];
}

const op = defineOp<AdditiveInputs, AdditiveParams>({
  name: 'additiveAttention',
  samples,
  shape: (shapes) => {
    checkShapes(shapes);
    return [shapes[0][0]!, shapes[2][1]!];
  },
  flops: ([query, , value], { room }) => query[0]! * room * (20 * query[1]! + 2 * value[1]!),
  reference: (inputs) => composed(inputs).output,
  kernel: {
    names: ['additive_attention', 'additive_attention_backward'],
    saved: ([query], { room }) => [{ shape: [query[0]!, room], dtype: 'float' }],
    forward: ({ inputs, output, saved, params }): KernelCall => ({
      name: 'additive_attention',
      tensors: [output.data, saved[0]!.data, ...inputs.map((input) => input?.data ?? null)],
      ints: kernelInts(inputs, params),
      floats: [],
      items: output.shape[0]!,
      workPerItem: params.room * inputs[0].shape[1]! * 8,
    }),
    backward: ({ inputs, output, saved, grad, inputGrads, params }): KernelCall => {
      const written = [0, 1, 2, 3].map((i) => {
        const { shape, dtype, device } = inputs[i]!;
        return inputGrads[i] ?? Tensor.empty(shape, dtype, device, 'additiveAttention.backward');
      });
      return {
        name: 'additive_attention_backward',
        tensors: [...written, ...inputs, output, saved[0]!, grad].map((each) => each?.data ?? null),
        ints: kernelInts(inputs, params),
        floats: [],
        items: 1,
      };
    },
  },
});

/** What hides keys from queries in additive attention. */
export interface AdditiveOptions {
  /** bool `[B, 1, 1, S]`, true where a key may be attended to. */
  readonly mask?: Tensor | null | undefined;
  /** int32 `[2, n + 1]`: where the queries and the keys of each of n sequences begin, in one batch entry. */
  readonly segments?: Tensor | null | undefined;
}

/** Each entry of a rectangular batch as a sequence. */
function wholeEntries(batch: number, queries: number, keys: number, like: Tensor): Tensor {
  const starts = [queries, keys].flatMap((length) => Array.from({ length: batch + 1 }, (_, b) => b * length));
  return tensor(Int32Array.from(starts), [2, batch + 1], { dtype: 'int32', device: like.device });
}

function inputsOf(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  vector: Tensor,
  options: AdditiveOptions,
): AdditiveInputs {
  const { mask, segments: given } = options;
  if (mask) expectType('additiveAttention', 'mask', mask, 'bool');
  if (given) expectType('additiveAttention', 'segments', given, 'int32');
  const rows = (x: Tensor): Tensor => reshape(x, [x.shape[0]! * x.shape[1]!, x.shape[2]!]);
  const places = given ?? wholeEntries(query.shape[0]!, query.shape[1]!, key.shape[1]!, query);
  return [rows(query), rows(key), rows(value), vector, mask ? mask.view([mask.size]) : null, places];
}

/**
 * `Σ_s softmax_s(vᵀ tanh(q_t + k_s)) value_s`. A query that may see no key gets zeros and a zero gradient.
 *
 * @param query - `[B, T, A]`, projected
 * @param key - `[B, S, A]`, projected
 * @param value - `[B, S, E]`
 * @param vector - v, `[A]`
 * @returns `[B, T, E]`
 * @throws {ShapeError} when the widths differ
 * @example
 * additiveAttention(queryLayer.forward(state), keyLayer.forward(memory), memory, vector, { mask });
 */
export function additiveAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  vector: Tensor,
  options: AdditiveOptions = {},
): Tensor {
  const inputs = inputsOf(query, key, value, vector, options);
  const places = inputs[5];
  const n = places.shape[1]! - 1;
  const keys = Array.from({ length: n }, (_, s) => places.data[n + 2 + s]! - places.data[n + 1 + s]!);
  const output = op(...inputs, { room: keys.reduce((most, length) => Math.max(most, length), 0) });
  return reshape(output, [query.shape[0]!, query.shape[1]!, value.shape[2]!]);
}

/**
 * The same with every intermediate in the open, of all rows of queries with all rows of keys.
 *
 * @returns `scores` (of every pair) and `weights` `[B · T, B · S]`, `output` `[B, T, E]`
 */
export function additiveAttentionParts(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  vector: Tensor,
  options: AdditiveOptions = {},
): { readonly scores: Tensor; readonly weights: Tensor; readonly output: Tensor } {
  const { scores, weights, output } = composed(inputsOf(query, key, value, vector, options));
  return { scores, weights, output: reshape(output, [query.shape[0]!, query.shape[1]!, value.shape[2]!]) };
}
