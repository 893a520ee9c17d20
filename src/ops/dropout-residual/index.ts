/** Bias, dropout and the residual connection in one pass over memory: the end of every sublayer. */
import { defineOp } from '../../core/op.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { checkRate, type DropoutParams, dropout } from '../dropout/index.ts';
import { add } from '../elementwise/binary.ts';
import { sum } from '../reduce/sum.ts';
import { reshape } from '../shape/reshape.ts';

type ResidualInputs = readonly [x: Tensor, bias: Tensor | null, residual: Tensor];

const key = [7, 8] as const;

/** A sublayer's output and its input have one shape. */
export function checkResidual(where: string, x: Shape, residual: Shape): void {
  if (sameShape(x, residual)) return;
  throw new ShapeError({
    where,
    expected: `residual of shape ${formatShape(x)}, like x`,
    got: formatShape(residual),
    hint: 'a sublayer must return the width of its input (attention needs its output projection)',
  });
}

const op = defineOp<ResidualInputs, DropoutParams>({
  name: 'dropoutResidual',
  samples: [
    { inputs: [[4, 9], [9], [4, 9]], params: { p: 0.3, key } },
    { inputs: [[2, 3, 33], null, [2, 3, 33]], params: { p: 0.1, key } },
    { inputs: [[3, 5], [5], [3, 5]], params: { p: 0, key } },
    { inputs: [[300, 4], [4], [300, 4]], params: { p: 0.1, key }, note: 'several blocks of rows' },
    { inputs: [[0, 4], [4], [0, 4]], params: { p: 0.1, key } },
  ],
  shape: ([x, bias, residual]) => {
    checkResidual('dropoutResidual', x, residual);
    if (bias && (bias.length !== 1 || bias[0] !== x.at(-1))) {
      throw new ShapeError({
        where: 'dropoutResidual',
        expected: `bias [${x.at(-1)}]`,
        got: formatShape(bias),
      });
    }
    return x;
  },
  flops: ([x]) => 3 * sizeOf(x),
  reference: ([x, bias, residual], params) => add(residual, dropout(bias ? add(x, bias) : x, params)),
  backward: ({ inputs: [x, bias], grad, needs, params }) => {
    const dx = dropout(grad, params);
    const dBias = bias && needs[1] ? sum(reshape(dx, [-1, x.shape.at(-1)!]), { axes: 0 }) : null;
    return [needs[0] ? dx : null, dBias, needs[2] ? grad : null];
  },
  kernel: {
    names: ['bias_dropout_residual'],
    forward: ({ inputs: [x, bias, residual], output, params: { p, key } }) => ({
      name: 'bias_dropout_residual',
      tensors: [output.data, x.data, bias?.data ?? null, residual.data],
      ints: [x.shape.at(-1)!, ...key],
      floats: [p],
      items: sizeOf(x.shape.slice(0, -1)),
      workPerItem: x.shape.at(-1)! * 2,
    }),
  },
});

/**
 * `residual + dropout(x + bias)`.
 *
 * Papers: He et al., Deep Residual Learning, 2015, https://arxiv.org/abs/1512.03385; Vaswani et al., 2017, §5.4.
 *
 * @param x - output of the sublayer, `[..., C]`
 * @param bias - `[C]`, or null
 * @param residual - input of the sublayer, the shape of `x`
 * @throws {ShapeError} when `residual` has another shape than `x`
 * @throws {ConfigError} when the dropout rate is not at least 0 and below 1
 */
export function dropoutResidual(
  x: Tensor,
  bias: Tensor | null,
  residual: Tensor,
  params: DropoutParams,
): Tensor {
  checkRate('dropoutResidual', params.p);
  return op(x, bias, residual, params);
}
