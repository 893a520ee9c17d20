/**
 * Convolutions on top of each other: what one output sees grows with every layer, by `(k − 1) · dilation`.
 *
 * Papers: Kalchbrenner et al., Neural Machine Translation in Linear Time, 2016, https://arxiv.org/abs/1610.10099
 * (dilation); Gehring et al., Convolutional Sequence to Sequence Learning, 2017, https://arxiv.org/abs/1705.03122
 * (gated linear units).
 */
import type { Tensor } from '../../core/tensor.ts';
import { add, mul } from '../../ops/elementwise/binary.ts';
import { gelu, relu, sigmoid } from '../../ops/elementwise/unary.ts';
import { concat, slice } from '../../ops/shape/slice.ts';
import { Module, type ModuleContext } from '../module.ts';
import { Dropout } from '../residual.ts';
import { Conv1d, type ConvPadding } from './conv1d.ts';

/** `x · σ(gate)` of the two halves of the channels. Paper: Dauphin et al. 2016, https://arxiv.org/abs/1612.08083 */
export function gatedLinearUnit(x: Tensor): Tensor {
  const half = x.shape.at(-1)! / 2;
  return mul(slice(x, -1, 0, half), sigmoid(slice(x, -1, half)));
}

/** Activations of a convolution; a gated one needs twice the channels. */
const activations = {
  relu: { apply: relu, channels: 1 },
  gelu: { apply: gelu, channels: 1 },
  glu: { apply: gatedLinearUnit, channels: 2 },
} as const;

/** Names of the activations between convolutions. */
export type ConvActivation = keyof typeof activations;

/** Those names. */
export const convActivations = Object.keys(activations) as readonly ConvActivation[];

/** Sizes of a stack of convolutions. */
export interface ConvStackOptions {
  readonly dModel: number;
  readonly numLayers: number;
  /** Rows of a window, k. */
  readonly taps: number;
  readonly padding?: Exclude<ConvPadding, 'none'>;
  /** Layer i has dilation `dilationGrowth^i`; 1 by default, 2 in ByteNet. */
  readonly dilationGrowth?: number;
  readonly activation?: ConvActivation;
  /** Adds the input of each layer to its output. Default true. */
  readonly residual?: boolean;
  /** Rate on the input of each layer. */
  readonly dropout?: number;
}

/** One convolution, its activation, and the sum with its input. */
class ConvLayer extends Module {
  readonly convolution: Conv1d;
  private readonly options: ConvStackOptions;
  private readonly dropped: Dropout;

  constructor(options: ConvStackOptions, layer: number, context: ModuleContext) {
    super();
    const { dModel, taps, padding = 'centred', dilationGrowth = 1, activation = 'relu' } = options;
    const outputWidth = dModel * activations[activation].channels;
    const dilation = dilationGrowth ** layer;
    this.convolution = new Conv1d({ inputWidth: dModel, outputWidth, taps, dilation, padding }, context);
    this.options = options;
    this.dropped = new Dropout(options.dropout ?? 0);
  }

  forward(x: Tensor, lengths?: ArrayLike<number>): Tensor {
    return this.outputOf(x, this.convolution.forward(this.dropped.forward(x), lengths));
  }

  /** As `forward`, after the inputs `[B, before, C]`, for causal convolutions. */
  step(x: Tensor, before: Tensor): Tensor {
    const seen = before.shape[1] === 0 ? x : concat([before, x], 1);
    return this.outputOf(x, this.convolution.wholeWindows(this.dropped.forward(seen)));
  }

  private outputOf(x: Tensor, convolved: Tensor): Tensor {
    const { activation = 'relu', residual = true } = this.options;
    const y = activations[activation].apply(convolved);
    return this.expose('output', residual ? add(x, y) : y);
  }
}

/** A stack of convolutions of one width. */
export class ConvStack extends Module {
  readonly layers: readonly ConvLayer[];

  /**
   * @example
   * const encoder = new ConvStack({ dModel: 64, numLayers: 4, taps: 3 }, { random }); // each output sees 9 rows
   */
  constructor(options: ConvStackOptions, context: ModuleContext) {
    super();
    this.layers = Array.from({ length: options.numLayers }, (_, i) => new ConvLayer(options, i, context));
  }

  /** Rows that an output sees: `1 + Σ (k − 1) · dilation`. */
  get receptiveField(): number {
    return this.layers.reduce(
      (rows, { convolution: { weight, dilation } }) => rows + (weight.shape[1]! - 1) * dilation,
      1,
    );
  }

  /**
   * @param x - `[B, T, C]`
   * @param lengths - of sequences that stand one after the other in one batch entry
   */
  forward(x: Tensor, lengths?: ArrayLike<number>): Tensor {
    return this.layers.reduce((y, layer) => layer.forward(y, lengths), x);
  }

  /**
   * Goes on with sequences, through causal convolutions.
   *
   * @param x - the new rows, `[B, T, C]`
   * @param before - the last inputs of each layer, as many as its windows reach back
   * @param onInput - is shown the new inputs of each layer
   */
  step(x: Tensor, before: readonly Tensor[], onInput: (input: Tensor, layer: number) => void): Tensor {
    return this.layers.reduce((y, layer, i) => {
      const output = layer.step(y, before[i]!);
      onInput(y, i);
      return output;
    }, x);
  }
}
