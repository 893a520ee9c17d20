/** The affine layer. */
import type { Tensor } from '../core/tensor.ts';
import { linear } from '../ops/linear/index.ts';
import { slice } from '../ops/shape/slice.ts';
import { constant, type Initializer, xavierUniform } from './initializers.ts';
import { type ModuleContext, type Parameter, parameter } from './module.ts';
import { WeightModule } from './weight-module.ts';

/** Bias and initial values of a linear layer. */
export interface LinearOptions {
  readonly bias?: boolean;
  readonly initializer?: Initializer;
}

/** Options of a layer whose first values may be left to its default. */
export function linearOptions(bias: boolean, initializer: Initializer | undefined): LinearOptions {
  return initializer ? { bias, initializer } : { bias };
}

/** `y = x Wᵀ + b` with weight W `[out, in]` and bias `[out]`. */
export class Linear extends WeightModule {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, context: ModuleContext, options: LinearOptions = {}) {
    super();
    this.weight = parameter([outFeatures, inFeatures], options.initializer ?? xavierUniform, context);
    this.bias = (options.bias ?? true) ? parameter([outFeatures], constant(0), context) : null;
  }

  /** `[..., in]` to `[..., out]` */
  forward(x: Tensor): Tensor {
    return this.multiply(x, this.bias);
  }
}

/** Some rows of a linear layer's matrix, as a layer of its own. Its parameters are the whole layer's. */
export class LinearPart {
  readonly whole: Linear;
  private readonly start: number;
  private readonly end: number;

  /** @param start - first of the rows; `end` is the first that is not among them */
  constructor(whole: Linear, start: number, end: number) {
    this.whole = whole;
    this.start = start;
    this.end = end;
  }

  /** A copy of the rows, `[end − start, in]`. */
  get weight(): Tensor {
    return slice(this.whole.weight, 0, this.start, this.end);
  }

  /** A copy of their biases, `[end − start]`, or null. */
  get bias(): Tensor | null {
    const { bias } = this.whole;
    return bias && slice(bias, 0, this.start, this.end);
  }

  /** `[..., in]` to `[..., end − start]` */
  forward(x: Tensor): Tensor {
    return this.whole.quantized ? this.of(this.whole.forward(x)) : linear(x, this.weight, this.bias);
  }

  /** Its part of what the whole layer made, `[..., out]` to `[..., end − start]`. */
  of(all: Tensor): Tensor {
    return slice(all, all.shape.length - 1, this.start, this.end);
  }
}
