/**
 * Batch normalisation: each channel gets mean 0 and variance 1 over all tokens of a batch.
 *
 * Paper: Ioffe & Szegedy, Batch Normalization, 2015, https://arxiv.org/abs/1502.03167
 *
 * Shapes: B batch · T tokens · C channels.
 */
import { Tensor, tensor } from '../../core/tensor.ts';
import { add, mul, sub } from '../../ops/elementwise/binary.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { reciprocal, sqrt, square } from '../../ops/elementwise/unary.ts';
import { sum } from '../../ops/reduce/sum.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import type { Visible } from '../attention/packing.ts';
import { constant } from '../initializers.ts';
import { type ModuleContext, type Parameter, parameter } from '../module.ts';
import { rowsOf } from '../rows.ts';
import { Norm } from './norm.ts';

/** How the statistics for evaluation are gathered. */
export interface BatchNormOptions {
  /** `moving`: a share `momentum` of each new batch; `cumulative`: the mean over all batches so far. */
  readonly statistics: 'moving' | 'cumulative';
  readonly momentum: number;
}

/**
 * `y = (x − μ)/√(σ² + eps) · weight + bias` for each channel: in training with mean and (biased) variance of the
 * batch's tokens, padding left out; in evaluation with running ones, whose variance is the unbiased one.
 *
 * In training a token's output depends on its batch, also on tokens that come after it.
 */
export class BatchNorm extends Norm {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly eps: number;
  /** `[C]` each. */
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
  /** Batches so far, `[1]`. */
  readonly batches: Tensor;
  private readonly options: BatchNormOptions;

  constructor(width: number, context: ModuleContext, eps: number, options: BatchNormOptions) {
    super();
    this.weight = parameter([width], constant(1), context);
    this.bias = parameter([width], constant(0), context);
    this.eps = eps;
    const buffer = (size: number, value: number): Tensor => {
      const made = Tensor.empty([size], this.weight.dtype, this.weight.device).keep();
      made.data.fill(value);
      return made;
    };
    this.runningMean = buffer(width, 0);
    this.runningVariance = buffer(width, 1);
    this.batches = buffer(1, 0);
    this.options = options;
  }

  override buffers(): readonly (readonly [string, Tensor])[] {
    return [
      ['runningMean', this.runningMean],
      ['runningVariance', this.runningVariance],
      ['batches', this.batches],
    ];
  }

  forward(x: Tensor, visible: Visible = null): Tensor {
    return this.training ? this.overBatch(x, visible) : this.overRunning(x);
  }

  private overBatch(x: Tensor, visible: Visible): Tensor {
    const { sequence, tokens } = rowsOf(x, visible);
    const rows = reshape(x, [sequence.length, x.shape[2]!]);
    const isToken =
      tokens === sequence.length
        ? null
        : tensor(
            Float64Array.from(sequence, (n) => Number(n >= 0)),
            [sequence.length, 1],
            { device: x.device },
          );
    const average = (values: Tensor): Tensor =>
      scale(sum(isToken ? mul(values, isToken) : values, { axes: 0 }), 1 / Math.max(1, tokens));
    const mean = average(rows); // [C]
    const centred = sub(rows, mean); // [B·T, C]
    const variance = average(square(centred)); // [C]
    this.track(mean, variance, tokens);
    const normal = mul(centred, this.inverseDeviation(variance));
    return reshape(add(mul(normal, this.weight), this.bias), x.shape);
  }

  private overRunning(x: Tensor): Tensor {
    const factor = mul(this.weight, this.inverseDeviation(this.runningVariance)); // [C]
    return add(mul(sub(x, this.runningMean), factor), this.bias);
  }

  private inverseDeviation(variance: Tensor): Tensor {
    return reciprocal(sqrt(scale(variance, 1, this.eps)));
  }

  /** Adds the statistics of a batch to the running ones. */
  private track(mean: Tensor, variance: Tensor, tokens: number): void {
    if (tokens === 0) return;
    const { runningMean, runningVariance, batches } = this;
    const { statistics, momentum } = this.options;
    batches.data[0]!++;
    const share = statistics === 'cumulative' ? 1 / batches.data[0]! : momentum;
    const unbiased = tokens / Math.max(1, tokens - 1);
    for (let c = 0; c < mean.size; c++) {
      runningMean.data[c]! += share * (mean.data[c]! - runningMean.data[c]!);
      runningVariance.data[c]! += share * (unbiased * variance.data[c]! - runningVariance.data[c]!);
    }
  }
}
