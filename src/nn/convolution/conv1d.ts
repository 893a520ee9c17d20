/** Convolution over time as a layer. */
import type { Tensor } from '../../core/tensor.ts';
import { ConfigError } from '../../errors.ts';
import { conv1d } from '../../ops/convolution/index.ts';
import { uniform } from '../initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';

/** Which rows a window may see: itself and those before it; as many on both sides; only whole windows. */
export type ConvPadding = 'causal' | 'centred' | 'none';

/** Sizes of a convolution. */
export interface Conv1dLayerOptions {
  readonly inputWidth: number;
  readonly outputWidth: number;
  /** Rows of a window, k. */
  readonly taps: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly groups?: number;
  readonly bias?: boolean;
  /** `centred` by default; with an even number of taps one row more is before than after. */
  readonly padding?: ConvPadding | { readonly before: number; readonly after: number };
}

function paddingOf({ padding = 'centred', taps, dilation = 1 }: Conv1dLayerOptions) {
  if (typeof padding === 'object') return padding;
  const reach = dilation * (taps - 1);
  if (padding === 'causal') return { before: reach, after: 0 };
  if (padding === 'none') return { before: 0, after: 0 };
  return { before: Math.ceil(reach / 2), after: Math.floor(reach / 2) };
}

/** `y_t = Σ_i W_i x_{t · stride + i · dilation − before} + b`. Papers: see `conv1d`. */
export class Conv1d extends Module {
  /** `[out, taps, in / groups]` */
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly before: number;
  readonly after: number;
  readonly stride: number;
  readonly dilation: number;
  readonly groups: number;

  /** @throws {ConfigError} when the widths cannot be cut into the groups, or a window holds no row */
  constructor(options: Conv1dLayerOptions, context: ModuleContext) {
    super();
    const { inputWidth, outputWidth, taps, groups = 1 } = options;
    if (inputWidth % groups !== 0 || outputWidth % groups !== 0) {
      throw new ConfigError({
        where: 'Conv1d.groups',
        expected: `a divisor of both widths (${inputWidth} and ${outputWidth})`,
        got: String(groups),
      });
    }
    if (!(Number.isSafeInteger(taps) && taps >= 1)) {
      const expected = 'a window of at least 1 row';
      throw new ConfigError({ where: 'Conv1d.taps', expected, got: String(taps) });
    }
    const initializer = uniform(1 / Math.sqrt((taps * inputWidth) / groups));
    this.weight = parameter([outputWidth, taps, inputWidth / groups], initializer, context);
    this.bias = (options.bias ?? true) ? parameter([outputWidth], initializer, context) : null;
    const { before, after } = paddingOf(options);
    this.before = before;
    this.after = after;
    this.stride = options.stride ?? 1;
    this.dilation = options.dilation ?? 1;
    this.groups = groups;
  }

  /**
   * @param x - `[B, T, C]`
   * @param lengths - of sequences that stand one after the other in one batch entry
   * @returns `[B, T', out]`; T' = T for stride 1 with causal or centred padding
   */
  forward(x: Tensor, lengths?: ArrayLike<number>): Tensor {
    const { before, after, stride, dilation, groups } = this;
    return conv1d(x, this.weight, this.bias, { before, after, stride, dilation, groups, lengths });
  }

  /** As `forward`, without zeros around the rows: `T − (k − 1) · dilation` outputs for stride 1. */
  wholeWindows(x: Tensor): Tensor {
    const { stride, dilation, groups } = this;
    return conv1d(x, this.weight, this.bias, { before: 0, after: 0, stride, dilation, groups });
  }
}
