/** Position information that is added to the token vectors, by name. */
import type { Tensor } from '../../core/tensor.ts';
import { tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { slice } from '../../ops/shape/slice.ts';
import { normal } from '../initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import { sinusoidalTable } from './sinusoidal.ts';

export { sinusoidalTable } from './sinusoidal.ts';

/** Adds position information to vectors `[B, T, C]` whose first token stands at `start`. */
export abstract class Position extends Module {
  abstract forward(x: Tensor, start?: number): Tensor;
}

function tooLong(where: string, needed: number, room: number): ShapeError {
  return new ShapeError({
    where,
    expected: `at most ${room} positions (maxSeqLen)`,
    got: `${needed}`,
    hint: 'shorten the text, or train with a larger maxSeqLen',
  });
}

/** No position information: without it attention sees a bag of words. */
export class NoPosition extends Position {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Fixed sine and cosine waves; see `sinusoidalTable`. Defined for every length, computed up to `maxSeqLen`. */
export class SinusoidalPosition extends Position {
  private readonly table: Tensor;

  constructor(width: number, maxSeqLen: number, { device }: ModuleContext) {
    super();
    const values = sinusoidalTable(maxSeqLen, width);
    this.table = tensor(values, [maxSeqLen, width], device === undefined ? {} : { device }).keep();
  }

  forward(x: Tensor, start = 0): Tensor {
    const end = start + x.shape[1]!;
    if (end > this.table.shape[0]!) throw tooLong('SinusoidalPosition', end, this.table.shape[0]!);
    return add(x, slice(this.table, 0, start, end));
  }
}

/** A learned vector for each position. Paper: Gehring et al. 2017, https://arxiv.org/abs/1705.03122 */
export class LearnedPosition extends Position {
  readonly weight: Parameter;

  /** @param std - of the first values; 1/√width by default */
  constructor(width: number, maxSeqLen: number, context: ModuleContext, std = width ** -0.5) {
    super();
    this.weight = parameter([maxSeqLen, width], normal(std), context);
  }

  forward(x: Tensor, start = 0): Tensor {
    const end = start + x.shape[1]!;
    if (end > this.weight.shape[0]!) throw tooLong('LearnedPosition', end, this.weight.shape[0]!);
    return add(x, slice(this.weight, 0, start, end));
  }
}

/** Kinds of position information; a new one is a class and a line here. */
export const positions = {
  none: () => new NoPosition(),
  sinusoidal: (width: number, maxSeqLen: number, context: ModuleContext) =>
    new SinusoidalPosition(width, maxSeqLen, context),
  learned: (width: number, maxSeqLen: number, context: ModuleContext) =>
    new LearnedPosition(width, maxSeqLen, context),
} as const;

/** Names of the position encodings. */
export type PositionKind = keyof typeof positions;
