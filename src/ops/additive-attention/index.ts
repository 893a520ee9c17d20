/**
 * Attention with a small network as score: `score(q, k) = vᵀ tanh(q + k)`, in one head or several.
 *
 * Paper: Bahdanau, Cho & Bengio, Neural Machine Translation by Jointly Learning to Align and Translate, 2014,
 * https://arxiv.org/abs/1409.0473
 */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, expectType, type Sample } from '../../core/op.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import { Tensor, tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { checkRate, type DropoutKey, dropout } from '../dropout/index.ts';
import { embedding } from '../embedding/index.ts';
import { matmul } from '../matmul/index.ts';
import { permute } from '../shape/permute.ts';
import { reshape } from '../shape/reshape.ts';
import { softmax } from '../softmax/index.ts';
import { keepWhere } from '../where/index.ts';
import { additiveScores } from './scores.ts';

interface AdditiveParams {
  /** Keys of the longest sequence. */
  readonly room: number;
  /** Query t of a sequence sees its first t + reach keys; `everything` without a causal rule. */
  readonly reach: number;
  /** Dropout rate on the weights. */
  readonly p: number;
  readonly key: DropoutKey;
}

/** A reach beyond every key. */
const everything = 2 ** 31;

type AdditiveInputs = readonly [
  query: Tensor,
  key: Tensor,
  value: Tensor,
  vector: Tensor,
  mask: Tensor | null,
  segments: Tensor,
];

const whole = { p: 0, key: [1, 2] as const };
const segments = (values: readonly number[]) =>
  ({ shape: [2, values.length / 2], values, dtype: 'int32' }) as const;
const hidden = (values: readonly number[]) => ({ shape: [values.length], values, dtype: 'bool' }) as const;

const samples: readonly Sample<AdditiveParams>[] = [
  {
    inputs: [[3, 4], [5, 4], [5, 6], [1, 4], null, segments([0, 3, 0, 5])],
    params: { room: 5, reach: everything, ...whole },
  },
  {
    inputs: [[6, 17], [7, 17], [7, 3], [1, 17], null, segments([0, 2, 2, 4, 6, 0, 3, 3, 3, 7])],
    params: { room: 4, reach: everything, p: 0.2, key: [0xffffffff, 3] },
    note: 'sequences in a row; one has no query, one no key',
  },
  {
    inputs: [[4, 5], [6, 5], [6, 33], [1, 5], hidden([1, 1, 0, 0, 0, 0]), segments([0, 2, 4, 0, 3, 6])],
    params: { room: 3, reach: everything, ...whole },
    note: 'masked, and a sequence whose keys are all hidden',
  },
  {
    inputs: [[8, 5], [8, 5], [8, 3], [2, 5], null, segments([0, 3, 4, 7, 8, 0, 3, 4, 7, 8])],
    params: { room: 3, reach: 1, p: 0.4, key: [1, 2] },
    note: 'two heads of two sequences, causal, dropout',
  },
  {
    inputs: [[3, 16], [15, 16], [15, 17], [3, 16], null, segments([0, 1, 2, 3, 0, 5, 10, 15])],
    params: { room: 5, reach: 4, ...whole },
    note: 'a query of three heads behind a cache',
  },
  {
    inputs: [
      { shape: [5, 17], range: [-40, 40] },
      { shape: [6, 17], range: [-40, 40] },
      ...([[6, 3], [1, 17], null, segments([0, 2, 5, 0, 3, 6])] as const),
    ],
    params: { room: 3, reach: everything, ...whole },
    note: 'numbers whose exponentials overflow',
  },
  {
    inputs: [[0, 2], [0, 2], [0, 3], [1, 2], null, segments([0, 0])],
    params: { room: 0, reach: everything, ...whole },
  },
];

/** `[T, S]`, true where the key is visible and of the query's sequence. */
function visibleKeys([query, key, , , mask, places]: AdditiveInputs, { reach }: AdditiveParams): Tensor {
  const [T, S] = [query.shape[0]!, key.shape[0]!];
  const n = places.shape[1]! - 1;
  const allowed = new Uint8Array(T * S);
  for (let s = 0; s < n; s++) {
    const [first, firstKey, endKey] = [places.data[s]!, places.data[n + 1 + s]!, places.data[n + 2 + s]!];
    for (let t = first; t < places.data[s + 1]!; t++) {
      const end = Math.min(endKey, firstKey + t - first + reach);
      for (let k = firstKey; k < end; k++) allowed[t * S + k] = mask ? mask.data[k]! : 1;
    }
  }
  return tensor(allowed, [T, S], { dtype: 'bool', device: query.device });
}

/** The vector of each query's head, `[T, A]`. */
function vectorOfRows([query, , , vector, , places]: AdditiveInputs): Tensor {
  const heads = new Int32Array(query.shape[0]!);
  const n = places.shape[1]! - 1;
  for (let s = 0; s < n; s++)
    heads.fill(Math.floor((s * vector.shape[0]!) / n), places.data[s]!, places.data[s + 1]!);
  const ids = tensor(heads, [1, heads.length], { dtype: 'int32', device: query.device });
  return reshape(embedding(vector, ids), query.shape);
}

/** Every query with every key: scores and weights `[T, S]`, output `[T, E]`. */
function composed(inputs: AdditiveInputs, params: AdditiveParams) {
  const [query, key, value] = inputs;
  const [T, width] = query.shape as [number, number];
  const byQuery = reshape(query, [T, 1, width]);
  const pairs = additiveScores(byQuery, reshape(key, [1, ...key.shape]), vectorOfRows(inputs));
  const scores = reshape(pairs, [T, key.shape[0]!]);
  const weights = softmax(keepWhere(scores, visibleKeys(inputs, params), Number.NEGATIVE_INFINITY));
  return { scores, weights, output: matmul(dropout(weights, params), value) };
}

function checkShapes([query, key, value, vector, mask, places]: readonly (Shape | null)[]): void {
  const width = vector!.at(-1);
  const fits =
    vector!.length === 2 &&
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

function kernelInts(
  [query, , value, vector, , places]: AdditiveInputs,
  { room, reach, key }: AdditiveParams,
): number[] {
  return [places.shape[1]! - 1, query.shape[1]!, value.shape[1]!, room, vector.shape[0]!, reach, ...key];
}

const op = defineOp<AdditiveInputs, AdditiveParams>({
  name: 'additiveAttention',
  samples,
  shape: (shapes) => {
    checkShapes(shapes);
    return [shapes[0][0]!, shapes[2][1]!];
  },
  flops: ([query, , value], { room }) => query[0]! * room * (20 * query[1]! + 2 * value[1]!),
  reference: (inputs, params) => composed(inputs, params).output,
  kernel: {
    names: ['additive_attention', 'additive_attention_backward'],
    saved: ([query], { room }) => [{ shape: [query[0]!, room], dtype: 'float' }],
    forward: ({ inputs, output, saved, params }): KernelCall => ({
      name: 'additive_attention',
      tensors: [output.data, saved[0]!.data, ...inputs.map((input) => input?.data ?? null)],
      ints: kernelInts(inputs, params),
      floats: [params.p],
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
        floats: [params.p],
        items: 1,
      };
    },
  },
});

/** What hides keys from queries in additive attention, and dropout. */
export interface AdditiveOptions {
  /** bool `[B, 1, 1, S]`, true where a key may be attended to. */
  readonly mask?: Tensor | null | undefined;
  /** int32 `[2, n + 1]`: where the queries and the keys of each of n sequences begin, in one batch entry. */
  readonly segments?: Tensor | null | undefined;
  /** Query t of a sequence sees no key after its place. */
  readonly causal?: boolean | undefined;
  /** Keys that stand before the first query, with `causal`. */
  readonly causalOffset?: number | undefined;
  /** Dropout rate on the weights, and the key of this use. */
  readonly p?: number | undefined;
  readonly key?: DropoutKey | undefined;
}

/** Where the rows of each sequence begin on both sides: in each head the same, one head after the other. */
function placesOf(query: Tensor, key: Tensor, heads: number, given: Tensor | null): Tensor {
  const starts = [query, key].flatMap((side, i) => {
    const [batch, length] = side.shape as [number, number, number];
    const own = given
      ? Array.from(given.data.subarray(i * given.shape[1]!, (i + 1) * given.shape[1]!), Number)
      : Array.from({ length: batch + 1 }, (_, b) => b * length);
    const inHead = (h: number): number[] => own.slice(0, -1).map((start) => h * batch * length + start);
    return [...Array.from({ length: heads }, (_, h) => inHead(h)).flat(), heads * batch * length];
  });
  return tensor(Int32Array.from(starts), [2, starts.length / 2], { dtype: 'int32', device: query.device });
}

/** `[B, T, H·C]` to `[H · B · T, C]` */
function headRows(x: Tensor, heads: number): Tensor {
  const [batch, length, width] = x.shape as [number, number, number];
  const [rows, own] = [batch * length, width / heads];
  if (heads === 1) return reshape(x, [rows, width]);
  return reshape(permute(reshape(x, [rows, heads, own]), [1, 0, 2]), [heads * rows, own]);
}

/** The opposite of `headRows`. */
function fromHeadRows(rows: Tensor, [batch, length]: Shape, heads: number): Tensor {
  const width = rows.shape[1]!;
  if (heads === 1) return reshape(rows, [batch!, length!, width]);
  const byHead = reshape(rows, [heads, batch! * length!, width]);
  return reshape(permute(byHead, [1, 0, 2]), [batch!, length!, heads * width]);
}

/** The mask of the key rows of every head. */
function repeated(mask: Tensor, heads: number): Tensor {
  if (heads === 1) return mask.view([mask.size]);
  const values = new Uint8Array(heads * mask.size);
  for (let h = 0; h < heads; h++) values.set(mask.data, h * mask.size);
  return tensor(values, [values.length], { dtype: 'bool', device: mask.device });
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
  const vectors = vector.shape.length === 1 ? reshape(vector, [1, vector.size]) : vector;
  const heads = vectors.shape[0]!;
  const places = placesOf(query, key, heads, given ?? null);
  const rows = [query, key, value].map((x) => headRows(x, heads)) as [Tensor, Tensor, Tensor];
  return [...rows, vectors, mask ? repeated(mask, heads) : null, places];
}

function paramsOf(
  [, , , , , places]: AdditiveInputs,
  { causal = false, causalOffset = 0, p = 0, key = [0, 0] }: AdditiveOptions,
): AdditiveParams {
  checkRate('additiveAttention', p);
  const n = places.shape[1]! - 1;
  let room = 0;
  for (let s = n + 1; s < places.size - 1; s++) room = Math.max(room, places.data[s + 1]! - places.data[s]!);
  return { room, reach: causal ? causalOffset + 1 : everything, p, key };
}

/**
 * `Σ_s dropout(softmax_s(vᵀ tanh(q_t + k_s))) value_s`. A query that may see no key gets zeros and a zero gradient.
 *
 * @param query - `[B, T, H·A]`, projected
 * @param key - `[B, S, H·A]`, projected
 * @param value - `[B, S, H·E]`
 * @param vector - v of each head, `[H, A]`; `[A]` for one head
 * @returns `[B, T, H·E]`
 * @throws {ShapeError} when the widths differ
 * @throws {ConfigError} when p is not at least 0 and below 1
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
  return fromHeadRows(op(...inputs, paramsOf(inputs, options)), query.shape, inputs[3].shape[0]!);
}

/**
 * One head with every intermediate in the open, of all rows of queries with all rows of keys.
 *
 * @param vector - v, `[A]`
 * @returns `scores` (of every pair) and `weights` `[B · T, B · S]`, `output` `[B, T, E]`
 */
export function additiveAttentionParts(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  vector: Tensor,
  options: AdditiveOptions = {},
): { readonly scores: Tensor; readonly weights: Tensor; readonly output: Tensor } {
  const inputs = inputsOf(query, key, value, vector, options);
  const { scores, weights, output } = composed(inputs, paramsOf(inputs, options));
  return { scores, weights, output: reshape(output, [query.shape[0]!, query.shape[1]!, value.shape[2]!]) };
}
