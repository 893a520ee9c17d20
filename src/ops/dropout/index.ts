/**
 * Dropout: each element is set to zero with probability p, the others are scaled by 1/(1−p).
 *
 * Paper: Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR 2014.
 */
import { defineOp, type Op } from '../../core/op.ts';
import { sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ConfigError } from '../../errors.ts';
import { type DropoutKey, isKept, keepThreshold } from './mask.ts';

export type { DropoutKey } from './mask.ts';

/** Rate and key of a dropout. */
export interface DropoutParams {
  /** Probability of zero, 0 <= p < 1. */
  readonly p: number;
  /** Names this use: the same key gives the same mask. */
  readonly key: DropoutKey;
}

const op: Op<readonly [x: Tensor], DropoutParams> = defineOp<readonly [x: Tensor], DropoutParams>({
  name: 'dropout',
  samples: [
    { inputs: [[7, 9]], params: { p: 0.5, key: [1, 2] } },
    { inputs: [[33]], params: { p: 0.1, key: [0xffffffff, 3] } },
    { inputs: [[0]], params: { p: 0.1, key: [1, 2] } },
  ],
  shape: ([x]) => x,
  flops: ([x]) => sizeOf(x),
  compute: ({ inputs: [x], output, params: { p, key } }) => {
    const threshold = keepThreshold(p);
    const factor = 1 / (1 - p);
    for (let i = 0; i < output.size; i++)
      output.data[i] = isKept(i, key, threshold) ? x.data[i]! * factor : 0;
  },
  backward: ({ grad, params }) => [op(grad, params)],
  kernel: {
    names: ['bias_dropout_residual'],
    forward: ({ inputs: [x], output, params: { p, key } }) => ({
      name: 'bias_dropout_residual',
      tensors: [output.data, x.data, null, null],
      ints: [x.shape.at(-1) ?? 1, ...key],
      floats: [p],
      items: sizeOf(x.shape.slice(0, -1)),
      workPerItem: x.shape.at(-1) ?? 1,
    }),
  },
});

/**
 * @throws {ConfigError} when p is not at least 0 and below 1
 */
export function checkRate(where: string, p: number): void {
  if (!(p >= 0 && p < 1)) {
    throw new ConfigError({ where, expected: 'a dropout rate of at least 0 and below 1', got: String(p) });
  }
}

/**
 * Zeroes elements with probability `p` and scales the others by 1/(1−p), so that the expectation stays.
 *
 * @param x - any shape
 * @throws {ConfigError} when p is not at least 0 and below 1
 */
export function dropout(x: Tensor, { p, key }: DropoutParams): Tensor {
  checkRate('dropout', p);
  return p === 0 ? x : op(x, { p, key });
}
