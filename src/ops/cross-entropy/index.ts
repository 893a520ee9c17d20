/**
 * Cross-entropy straight from logits, with label smoothing.
 *
 * Paper of the smoothing: Szegedy et al., Rethinking the Inception Architecture, 2015, https://arxiv.org/abs/1512.00567
 */
import { defineOp, expectType } from '../../core/op.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import { Tensor, tensor } from '../../core/tensor.ts';
import { ConfigError, ShapeError } from '../../errors.ts';
import { add } from '../elementwise/binary.ts';
import { scale } from '../elementwise/scale.ts';
import { gatherLast } from '../gather/index.ts';
import { mean } from '../reduce/sum.ts';
import { reshape } from '../shape/reshape.ts';
import { logSoftmax } from '../softmax/index.ts';
import { keepWhere } from '../where/index.ts';

/** Smoothing and ignored labels of the cross-entropy op. */
export interface CrossEntropyParams {
  /** Probability that is spread evenly over the whole vocabulary. */
  readonly labelSmoothing: number;
  /** Targets of this id have loss 0 and no gradient. */
  readonly ignoreIndex: number;
}

const targets = { shape: [4], values: [0, 4, 2, 1], dtype: 'int32' } as const;
const padded = { shape: [2, 2], values: [0, 4, -100, 1], dtype: 'int32' } as const;

const op = defineOp<readonly [logits: Tensor, targets: Tensor], CrossEntropyParams>({
  name: 'crossEntropy',
  samples: [
    { inputs: [[4, 5], targets], params: { labelSmoothing: 0, ignoreIndex: -100 } },
    { inputs: [[4, 33], targets], params: { labelSmoothing: 0.1, ignoreIndex: 0 } },
    { inputs: [[2, 2, 9], padded], params: { labelSmoothing: 0.2, ignoreIndex: -100 } },
    {
      inputs: [
        { shape: [1, 3], values: [1, Number.NEGATIVE_INFINITY, 2] },
        { shape: [1], values: [2], dtype: 'int32' },
      ],
      params: { labelSmoothing: 0, ignoreIndex: -100 },
      note: 'a forbidden id',
    },
    {
      inputs: [[0, 5], { shape: [0], values: [], dtype: 'int32' }],
      params: { labelSmoothing: 0.1, ignoreIndex: -100 },
    },
  ],
  shape: ([logits, places]) => {
    if (!sameShape(logits.slice(0, -1), places)) {
      throw new ShapeError({
        where: 'crossEntropy',
        expected: `targets of shape ${formatShape(logits.slice(0, -1))} for logits ${formatShape(logits)}`,
        got: formatShape(places),
      });
    }
    return places;
  },
  flops: ([logits]) => 5 * sizeOf(logits),
  reference: ([logits, places], { labelSmoothing, ignoreIndex }) => {
    const logProbs = logSoftmax(logits);
    const safe = Tensor.empty(places.shape, 'int32', places.device, 'crossEntropy');
    safe.data.set(Int32Array.from(places.data, (id) => (id === ignoreIndex ? 0 : id)));
    const chosen = reshape(gatherLast(logProbs, reshape(safe, [...safe.shape, 1])), places.shape);
    const sharp = scale(chosen, labelSmoothing - 1);
    // Without smoothing the mean stays out: it is −∞ where a logit is, and 0 · −∞ is no number.
    const smooth = (): Tensor => scale(mean(logProbs, { axes: -1 }), -labelSmoothing);
    const loss = labelSmoothing === 0 ? sharp : add(sharp, smooth());
    const counts = Uint8Array.from(places.data, (id) => Number(id !== ignoreIndex));
    return keepWhere(loss, tensor(counts, places.shape, { dtype: 'bool', device: places.device }), 0);
  },
  kernel: {
    names: ['cross_entropy', 'cross_entropy_backward'],
    overwrites: 0,
    saved: ([, places]) => [{ shape: places, dtype: 'float' }],
    forward: ({ inputs: [logits, places], output, saved, params: { labelSmoothing, ignoreIndex } }) => ({
      name: 'cross_entropy',
      tensors: [output.data, saved[0]!.data, logits.data, places.data],
      ints: [logits.shape.at(-1)!, ignoreIndex],
      floats: [labelSmoothing],
      items: places.size,
      workPerItem: logits.shape.at(-1)! * 4,
    }),
    backward: ({
      inputs: [logits, places],
      saved,
      grad,
      inputGrads,
      params: { labelSmoothing, ignoreIndex },
    }) => ({
      name: 'cross_entropy_backward',
      tensors: [inputGrads[0]!.data, logits.data, saved[0]!.data, places.data, grad.data],
      ints: [logits.shape.at(-1)!, ignoreIndex],
      floats: [labelSmoothing],
      items: places.size,
      workPerItem: logits.shape.at(-1)! * 4,
    }),
  },
});

/**
 * Loss of each target: `(1−ε) (−log p_target) + ε (−1/V Σ log p)`, with `p = softmax(logits)`.
 *
 * @param logits - `[..., V]`
 * @param targets - int32 `[...]`, ids from 0 to V−1 or `ignoreIndex`
 * @returns one loss per target, nats; 0 where the target is `ignoreIndex`
 * @throws {ShapeError} when the shapes do not fit, or a target is outside the vocabulary
 * @throws {ConfigError} when the smoothing is not at least 0 and below 1
 * @example
 * const losses = crossEntropy(logits, labels, { labelSmoothing: 0.1, ignoreIndex: 0 });
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: Partial<CrossEntropyParams> = {},
): Tensor {
  expectType('crossEntropy', 'targets', targets, 'int32');
  const { labelSmoothing = 0, ignoreIndex = -100 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new ConfigError({
      where: 'crossEntropy',
      expected: 'labelSmoothing of at least 0 and below 1',
      got: String(labelSmoothing),
    });
  }
  const vocabSize = logits.shape.at(-1) ?? 0;
  const bad = targets.data.findIndex((id) => id !== ignoreIndex && (id < 0 || id >= vocabSize));
  if (bad >= 0) {
    throw new ShapeError({
      where: 'crossEntropy',
      expected: `targets from 0 to ${vocabSize - 1} (or ${ignoreIndex})`,
      got: `${targets.data[bad]} at place ${bad}`,
      hint: 'the tokenizer and the model must have the same vocabulary',
    });
  }
  return op(logits, targets, { labelSmoothing, ignoreIndex });
}
