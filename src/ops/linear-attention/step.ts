/**
 * Linear attention as a recurrent network: what has been read is a state of constant size.
 *
 * `S ← S + φ(k) [v, 1]ᵀ`, `[n, d] = φ(q) S`, `out = n / d`.
 *
 * Paper: Katharopoulos et al., Transformers are RNNs, 2020, §3.4, https://arxiv.org/abs/2006.16236
 */
import { countCall, isCounting } from '../../core/counter.ts';
import { formatShape } from '../../core/shape.ts';
import { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { type AttentionOptions, attentionParams, checkShapes, kernelInts } from '../attention/index.ts';
import type { AttentionParams } from '../attention/reference.ts';

/** `Σ φ(k) vᵀ` over all tokens so far and, in the last column, `Σ φ(k)`: `[B, K, D, Dv + 1]`. */
export type LinearState = Tensor;

const feature = (x: number): number => (x > 0 ? x + 1 : Math.exp(x));

/** One token of one sequence and key/value head, in loops. */
function stepLoops(
  state: LinearState,
  [query, key, value]: readonly [Tensor, Tensor, Tensor],
  output: Tensor,
  { numHeads, numKvHeads }: AttentionParams,
): void {
  const [batch, length] = query.shape as [number, number];
  const [, , D, E] = state.shape as [number, number, number, number];
  const group = numHeads / numKvHeads;
  for (let place = 0; place < batch * length; place++) {
    for (let kv = 0; kv < numKvHeads; kv++) {
      const at = (Math.floor(place / length) * numKvHeads + kv) * D * E;
      const row = place * numKvHeads + kv;
      for (let d = 0; d < D; d++) {
        const weight = feature(key.data[row * D + d]!);
        for (let e = 0; e < E; e++)
          state.data[at + d * E + e]! += weight * (e < E - 1 ? value.data[row * (E - 1) + e]! : 1);
      }
      for (let h = kv * group; h < (kv + 1) * group; h++) {
        const [from, to] = [(place * numHeads + h) * D, (place * numHeads + h) * (E - 1)];
        const sums = new Float64Array(E);
        for (let d = 0; d < D; d++) {
          const weight = feature(query.data[from + d]!);
          for (let e = 0; e < E; e++) sums[e]! += weight * state.data[at + d * E + e]!;
        }
        for (let e = 0; e < E - 1; e++) output.data[to + e] = sums[E - 1] === 0 ? 0 : sums[e]! / sums[E - 1]!;
      }
    }
  }
}

/**
 * New tokens join the state and read it, one after the other, outside the tape. Time and memory of a token do not
 * depend on how many came before.
 *
 * @param state - `[B, K, D, Dv + 1]`, zeros at first; changed in place
 * @param query - `[B, T, H·D]`
 * @param key - `[B, T, K·D]`
 * @param value - `[B, T, K·Dv]`
 * @returns `[B, T, H·Dv]`: what causal `linearAttention` gives for these places of the whole sequence
 * @throws {ShapeError} when a shape does not fit
 * @example
 * const state = zeros([1, 4, 16, 17]).keep();
 * linearAttentionStep(state, query, key, value, { numHeads: 4 });
 */
export function linearAttentionStep(
  state: LinearState,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: Pick<AttentionOptions, 'numHeads' | 'numKvHeads'>,
): Tensor {
  const params = attentionParams(query, key, options);
  checkShapes([query.shape, key.shape, value.shape], params);
  const { numHeads, numKvHeads } = params;
  const [batch, length, width] = query.shape as [number, number, number];
  const valueWidth = value.shape[2]! / numKvHeads;
  const expected = formatShape([batch, numKvHeads, width / numHeads, valueWidth + 1]);
  if (formatShape(state.shape) !== expected || key.shape[1] !== length) {
    throw new ShapeError({
      where: 'linearAttentionStep',
      expected: `a state ${expected} and ${length} keys`,
      got: `${formatShape(state.shape)} and ${key.shape[1]}`,
    });
  }
  const { device } = query;
  const output = Tensor.empty([batch, length, numHeads * valueWidth], query.dtype, device, 'linearAttention');
  if (device.supports('linear_attention_step')) {
    device.launch({
      name: 'linear_attention_step',
      tensors: [output.data, state.data, query.data, key.data, value.data],
      ints: kernelInts([query, key, value, null, null], params),
      floats: [1, 0],
      items: batch * numKvHeads,
      workPerItem: (2 * length * width * (valueWidth + 1)) / numKvHeads,
    });
  } else {
    stepLoops(state, [query, key, value], output, params);
  }
  if (isCounting()) {
    // Each number of a state gains a product for every key and gives one for every query.
    const flops = 2 * length * (width / numHeads) * (valueWidth + 1) * batch * (numKvHeads + numHeads);
    countCall('linearAttentionStep', flops, [state, state, query, key, value], output); // read and written
  }
  return output;
}
