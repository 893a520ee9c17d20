/**
 * Copying from the source: each output is made by the vocabulary or taken from a place of the source, in a learned
 * proportion. Words that the vocabulary lacks have ids beyond it, so that they can be copied.
 *
 * `P(w) = g · P_vocab(w) + (1 − g) · Σ_{s: w_s = w} a_s`, `g = σ(w_g · h + b)`, a the weights of one head of attention.
 *
 * Papers: See, Liu & Manning, Get To The Point, 2017, https://arxiv.org/abs/1704.04368; Vinyals et al. 2015,
 * https://arxiv.org/abs/1506.03134; Gu et al. 2016, https://arxiv.org/abs/1603.06393
 */
import { type Tensor, tensor, zeros } from '../core/tensor.ts';
import { add, mul, sub } from '../ops/elementwise/binary.ts';
import { log, sigmoid } from '../ops/elementwise/unary.ts';
import { matmul } from '../ops/matmul/index.ts';
import { concat } from '../ops/shape/slice.ts';
import { softmax } from '../ops/softmax/index.ts';
import { attend } from './attention/attend.ts';
import type { Mask } from './attention/masks.ts';
import { Linear } from './linear.ts';
import { Module, type ModuleContext } from './module.ts';

/** What can be copied. */
export interface CopySource {
  /** Encoder states `[B, S, C]`. */
  readonly memory: Tensor;
  /** int32 ids `[B, S]`; those from V on are words that the vocabulary lacks. */
  readonly ids: Tensor;
  /** `[B|1, T|1, S]`, true where a place may be copied from; every place by default. */
  readonly mask?: Mask | undefined;
  /** Ids in all: V and those beyond it. */
  readonly size: number;
}

/** Added to probabilities before the logarithm: a word that cannot be said has a finite loss. */
const LEAST = 1e-12;

/** `g · P_vocab + (1 − g) · P_copy` over the vocabulary and the words of the source. Paper: See et al. 2017, §2.2. */
export class PointerGenerator extends Module {
  readonly query: Linear;
  readonly key: Linear;
  /** w_g and b */
  readonly gate: Linear;

  constructor(dModel: number, context: ModuleContext) {
    super();
    this.query = new Linear(dModel, dModel, context);
    this.key = new Linear(dModel, dModel, context, { bias: false });
    this.gate = new Linear(dModel, 1, context);
  }

  /**
   * @param state - decoder states `[B, T, C]`
   * @param logits - of the vocabulary, `[B, T, V]`
   * @returns log-probabilities of all ids, `[B, T, size]`
   */
  forward(state: Tensor, logits: Tensor, { memory, ids, mask, size }: CopySource): Tensor {
    const keys = this.key.forward(memory);
    const { weights } = attend(this.query.forward(state), keys, memory, mask ? { mask } : {});
    this.expose('weights', weights); // [B, T, S]
    const copied = matmul(weights, oneHot(ids, size, state)); // [B, T, size]
    const gate = this.expose('gate', sigmoid(this.gate.forward(state))); // [B, T, 1]
    const spoken = mul(gate, softmax(logits));
    const [batch, length, vocabulary] = logits.shape as [number, number, number];
    const like = { device: state.device, dtype: state.dtype };
    const beyond = size - vocabulary;
    const all = beyond > 0 ? concat([spoken, zeros([batch, length, beyond], like)], 2) : spoken;
    const one = tensor([1], [1], like);
    const probabilities = add(all, mul(sub(one, gate), copied));
    return log(add(probabilities, tensor([LEAST], [1], like)));
  }
}

/** `[B, S, size]`, 1 at the id of each place. */
function oneHot(ids: Tensor, size: number, { device, dtype }: Tensor): Tensor {
  const values = new Float64Array(ids.size * size);
  for (let i = 0; i < ids.size; i++) values[i * size + ids.data[i]!] = 1;
  return tensor(values, [...ids.shape, size], { device, dtype });
}
