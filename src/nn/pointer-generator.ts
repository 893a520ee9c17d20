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
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { add, mul, sub } from '../ops/elementwise/binary.ts';
import { exp, log, neg, sigmoid } from '../ops/elementwise/unary.ts';
import { scatterLast } from '../ops/gather/index.ts';
import { sum } from '../ops/reduce/sum.ts';
import { reshape } from '../ops/shape/reshape.ts';
import { concat } from '../ops/shape/slice.ts';
import { softmax } from '../ops/softmax/index.ts';
import { keepWhere } from '../ops/where/index.ts';
import { scaledDotScore } from './attention/attend.ts';
import { asMask, type Mask } from './attention/masks.ts';
import type { Segments } from './attention/packing.ts';
import { Padded } from './attention/padded.ts';
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
  /** The bounds of sequences that stand one after the other in one batch entry. */
  readonly segments?: Segments | undefined;
}

/** Which places of the source each state looks at. */
interface Look {
  /** a, `[B, T, S]`: one entry for each sequence */
  readonly weights: Tensor;
  /** int32 `[B, S]` */
  readonly ids: Tensor;
  /** Ids of targets as `[B, T]`. */
  targets(ids: Tensor): Tensor;
  /** `[B, T, X]` in the order of the states. */
  back(x: Tensor): Tensor;
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
   * @returns log-probabilities of all ids, `[B, T, max(V, largest id of the source + 1)]`
   */
  forward(state: Tensor, logits: Tensor, source: CopySource): Tensor {
    const { weights, ids, back } = this.look(state, source);
    const [batch, length, vocabulary] = logits.shape as [number, number, number];
    const size = (ids.data as Int32Array).reduce((most, id) => Math.max(most, id + 1), vocabulary);
    const copied = back(scatterLast(weights, alongQueries(ids, weights), size)); // [B, T, size]
    const spoken = softmax(logits);
    const beyond = zeros([batch, length, size - vocabulary], like(state));
    const all = size > vocabulary ? concat([spoken, beyond], 2) : spoken;
    return log(add(this.mix(state, all, copied), tensor([LEAST], [1], like(state))));
  }

  /**
   * The loss of each label without the probabilities of all others.
   *
   * @param labels - int32 ids `[B, T]`, those beyond the vocabulary as in the source
   * @param ignoreIndex - a label that does not count
   * @returns −log P(label), `[B, T]`
   */
  losses(state: Tensor, logits: Tensor, labels: Tensor, source: CopySource, ignoreIndex: number): Tensor {
    const { weights, ids, targets, back } = this.look(state, source);
    const vocabulary = logits.shape.at(-1)!;
    const { device, shape } = labels;
    const where = (test: (id: number) => boolean): Tensor =>
      tensor(
        Uint8Array.from(labels.data, (id) => Number(test(id))),
        shape,
        { dtype: 'bool', device },
      );
    const known = Int32Array.from(labels.data, (id) => (id < vocabulary ? id : ignoreIndex));
    const spokenLoss = crossEntropy(logits, tensor(known, shape, { dtype: 'int32', device }), {
      ignoreIndex,
    });
    const spoken = keepWhere(
      exp(neg(spokenLoss)),
      where((id) => id < vocabulary),
      0,
    );
    const copied = back(
      sum(keepWhere(weights, sameIds(targets(labels), ids), 0), { axes: -1, keepDims: true }),
    );
    const column = [...shape, 1];
    const mixed = this.mix(state, reshape(spoken, column), copied); // [B, T, 1]
    const losses = neg(log(add(mixed, tensor([LEAST], [1], like(state)))));
    return keepWhere(
      reshape(losses, shape),
      where((id) => id !== ignoreIndex),
      0,
    );
  }

  /** `g · spoken + (1 − g) · copied` */
  private mix(state: Tensor, spoken: Tensor, copied: Tensor): Tensor {
    const gate = this.expose('gate', sigmoid(this.gate.forward(state))); // [B, T, 1]
    const one = tensor([1], [1], like(state));
    return add(mul(gate, spoken), mul(sub(one, gate), copied));
  }

  private look(state: Tensor, { memory, ids, mask, segments }: CopySource): Look {
    const [query, key] = [this.query.forward(state), this.key.forward(memory)];
    if (!segments) {
      const weights = this.weights(query, key, mask);
      return { weights, ids, targets: (own) => own, back: (x) => x };
    }
    const [queries, keys] = [new Padded(segments.queries), new Padded(segments.keys)];
    const { shape } = keys.mask;
    const visible = asMask(keys.mask.view([shape[0]!, 1, shape.at(-1)!]));
    return {
      weights: this.weights(queries.unpack(query), keys.unpack(key), visible),
      ids: keys.unpackIds(ids.data, 0),
      targets: (own) => queries.unpackIds(own.data, -1),
      back: (x) => queries.pack(x),
    };
  }

  private weights(query: Tensor, key: Tensor, mask: Mask | undefined): Tensor {
    const scores = scaledDotScore(query, key);
    return this.expose('weights', softmax(mask ? keepWhere(scores, mask, Number.NEGATIVE_INFINITY) : scores));
  }
}

function like({ device, dtype }: Tensor) {
  return { device, dtype };
}

/** ids `[B, S]` for every query of `weights`: `[B, T, S]`. */
function alongQueries(ids: Tensor, { shape, size, device }: Tensor): Tensor {
  const [, queries, keys] = shape as [number, number, number];
  const values = new Int32Array(size);
  for (let row = 0; row < size / keys; row++) {
    const from = Math.floor(row / queries) * keys;
    for (let s = 0; s < keys; s++) values[row * keys + s] = ids.data[from + s]!;
  }
  return tensor(values, shape, { dtype: 'int32', device });
}

/** `[B, T, S]`, true where `targets` `[B, T]` and `ids` `[B, S]` are equal. */
function sameIds(targets: Tensor, ids: Tensor): Tensor {
  const [batch, queries] = targets.shape as [number, number];
  const keys = ids.shape[1]!;
  const bits = new Uint8Array(batch * queries * keys);
  for (let row = 0; row < batch * queries; row++) {
    const from = Math.floor(row / queries) * keys;
    for (let s = 0; s < keys; s++) bits[row * keys + s] = Number(ids.data[from + s] === targets.data[row]);
  }
  return tensor(bits, [batch, queries, keys], { dtype: 'bool', device: ids.device });
}
