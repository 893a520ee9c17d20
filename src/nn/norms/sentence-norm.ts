/**
 * Normalisation over all words of a sentence: what layer normalisation is sometimes taken for, kept to compare with.
 *
 * Shapes: B batch · T tokens · C channels · R = B·T rows · N sentences.
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { add, mul, sub } from '../../ops/elementwise/binary.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { reciprocal, sqrt, square } from '../../ops/elementwise/unary.ts';
import { matmul } from '../../ops/matmul/index.ts';
import { mean } from '../../ops/reduce/sum.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import type { Visible } from '../attention/packing.ts';
import { constant } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { rowsOf } from '../rows.ts';
import { Norm } from './norm.ts';

/** `y = (x − μ)/√(σ² + eps) · weight + bias` with one mean and variance for all T·C numbers of a sentence. */
export class SentenceNorm extends Norm {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly eps: number;

  constructor(width: number, context: ModuleContext, eps = 1e-5) {
    super();
    this.weight = parameter([width], constant(1), context);
    this.bias = parameter([width], constant(0), context);
    this.eps = eps;
  }

  forward(x: Tensor, visible: Visible = null): Tensor {
    const { members, shares } = membership(x, visible);
    const rows = reshape(x, [members.shape[0]!, x.shape[2]!]);
    /** Mean over a sentence, given to each of its rows: `[R, C]` to `[R, 1]` */
    const average = (values: Tensor): Tensor =>
      matmul(members, matmul(shares, mean(values, { axes: 1, keepDims: true })));
    const centred = sub(rows, average(rows));
    const variance = average(square(centred));
    const normal = mul(centred, reciprocal(sqrt(scale(variance, 1, this.eps))));
    return reshape(add(mul(normal, this.weight), this.bias), x.shape);
  }
}

/**
 * Which rows form a sentence: `members` `[R, N]` is 1 where row r belongs to sentence n, and `shares` `[N, R]`
 * averages over its rows. Padding forms a sentence of its own, so that its vectors stay of ordinary size.
 */
function membership(x: Tensor, visible: Visible): { members: Tensor; shares: Tensor } {
  const { sequence, sequences } = rowsOf(x, visible);
  const [count, total] = [sequence.length, sequences + 1];
  const sentence = sequence.map((n) => (n < 0 ? sequences : n));
  const lengths = new Float64Array(total);
  for (const n of sentence) lengths[n]!++;
  const [members, shares] = [new Float64Array(count * total), new Float64Array(count * total)];
  sentence.forEach((n, row) => {
    members[row * total + n] = 1;
    shares[n * count + row] = 1 / lengths[n]!;
  });
  const { device } = x;
  return {
    members: tensor(members, [count, total], { device }),
    shares: tensor(shares, [total, count], { device }),
  };
}
