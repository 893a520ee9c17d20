/** Dropout, and the residual connection around sublayers with its norm. */
import type { Tensor } from '../core/tensor.ts';
import { dropout } from '../ops/dropout/index.ts';
import { dropoutResidual } from '../ops/dropout-residual/index.ts';
import { add } from '../ops/elementwise/binary.ts';
import { scale } from '../ops/elementwise/scale.ts';
import type { Visible } from './attention/packing.ts';
import { nextDropoutKey } from './dropout-keys.ts';
import { Module, type ModuleContext } from './module.ts';
import { makeNorm, type Norm, type NormChoice } from './norms/index.ts';

/** Norm after the addition (the paper), before the sublayer, or after an addition to the scaled input (DeepNorm). */
export const normPlacements = ['post', 'pre', 'deep'] as const;
/** Names of the places of norms. */
export type NormPlacement = (typeof normPlacements)[number];

/** Zeroes elements in training, does nothing in evaluation. Paper: Srivastava et al. 2014. */
export class Dropout extends Module {
  readonly p: number;

  constructor(p: number) {
    super();
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? dropout(x, { p: this.p, key: nextDropoutKey() }) : x;
  }
}

/** What a residual connection is made for. */
export interface ResidualOptions {
  readonly dModel: number;
  readonly placement: NormPlacement;
  readonly dropout: number;
  /** `layer` by default. */
  readonly norm?: NormChoice;
  readonly normEps: number;
  /** Factor α on the input with placement `deep`, see `deepNormFactors`; 1 by default. */
  readonly inputScale?: number;
}

/** What a sublayer does with `[B, T, C]`. */
export type Sublayer = (input: Tensor) => Tensor;

/** How sublayers are run. */
export interface ResidualPass {
  /** What the sublayer's masks say of the rows, for norms that look at more than one vector. */
  readonly visible?: Visible;
  /** Factor on the sublayer's output, see `StochasticDepth`; 1 by default. */
  readonly branchScale?: number;
}

/**
 * Post-norm `Norm(x + Dropout(sublayer(x)))`, as in Vaswani et al. 2017;
 * pre-norm `x + Dropout(sublayer(Norm(x)))`, as in Xiong et al. 2020, https://arxiv.org/abs/2002.04745; or
 * deep `Norm(α x + Dropout(sublayer(x)))`, as in Wang et al. 2022, https://arxiv.org/abs/2203.00555
 */
export class Residual extends Module {
  readonly norm: Norm;
  private readonly placement: NormPlacement;
  private readonly dropout: number;
  private readonly inputScale: number;

  constructor(options: ResidualOptions, context: ModuleContext) {
    super();
    this.norm = makeNorm(options.norm ?? 'layer', { width: options.dModel, eps: options.normEps }, context);
    this.placement = options.placement;
    this.dropout = options.dropout;
    this.inputScale = options.placement === 'deep' ? (options.inputScale ?? 1) : 1;
  }

  forward(x: Tensor, sublayer: Sublayer, { visible = null, branchScale = 1 }: ResidualPass = {}): Tensor {
    const p = this.training ? this.dropout : 0;
    const params = { p, key: p > 0 ? nextDropoutKey() : ([0, 0] as const) };
    const inner = this.placement === 'pre' ? this.norm.forward(x, visible) : x;
    const branch = scaled(this.expose('sublayer', sublayer(inner)), branchScale);
    const residual = scaled(x, this.inputScale);
    const output =
      this.placement === 'pre'
        ? dropoutResidual(branch, null, residual, params)
        : this.norm.afterDropout(branch, residual, params, visible);
    return this.expose('output', output);
  }
}

function scaled(x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : scale(x, factor);
}

/**
 * Runs sublayers one after the other, each in a connection of its own; or, where there is a single connection, side
 * by side in it: `x + Σ sublayer(Norm(x))` with pre-norm.
 *
 * Paper: Wang & Komatsuzaki, GPT-J-6B, 2021, https://github.com/kingoflolz/mesh-transformer-jax
 */
export function throughResiduals(
  x: Tensor,
  residuals: readonly Residual[],
  sublayers: readonly Sublayer[],
  pass: ResidualPass = {},
): Tensor {
  if (residuals.length === 1) {
    return residuals[0]!.forward(x, (y) => sublayers.map((sublayer) => sublayer(y)).reduce(add), pass);
  }
  return residuals.reduce((y, residual, i) => residual.forward(y, sublayers[i]!, pass), x);
}
