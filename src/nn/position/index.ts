/** Position information that is added to the token vectors, by name. */
import type { Tensor } from '../../core/tensor.ts';
import { tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { embedding } from '../../ops/embedding/index.ts';
import { slice } from '../../ops/shape/slice.ts';
import { normal } from '../initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import { sinusoidalTable } from './sinusoidal.ts';

export { sinusoidalTable } from './sinusoidal.ts';

/** Adds position information to vectors `[B, T, C]`. */
export abstract class Position extends Module {
  /** @param place - of the first token; or the place of each, int32 `[1, T]`, in packed sequences */
  abstract forward(x: Tensor, place?: number | Tensor): Tensor;

  /** The vectors that `forward` adds, `[maxSeqLen, C]`; null when it adds none, undefined when it does something else. */
  get addend(): Tensor | null | undefined {
    return undefined;
  }
}

/** Adds the rows of a table of vectors `[maxSeqLen, C]` that belong to the places of `x`. */
function addRows(where: string, table: Tensor, x: Tensor, place: number | Tensor): Tensor {
  const room = table.shape[0]!;
  const isStart = typeof place === 'number';
  const end = isStart ? place + x.shape[1]! : 1 + largest(place.data);
  if (end > room) throw tooManyPositions(where, end, room);
  return add(x, isStart ? slice(table, 0, place, end) : embedding(table, place));
}

/** Not for users: the error of a text longer than a table of positions. */
export function tooManyPositions(where: string, needed: number, room: number): ShapeError {
  return new ShapeError({
    where,
    expected: `at most ${room} positions (maxSeqLen)`,
    got: `${needed}`,
    hint: 'shorten the text, or train with a larger maxSeqLen',
  });
}

function largest(values: ArrayLike<number>): number {
  let most = -1;
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]!);
  return most;
}

/** No position information: without it attention sees a bag of words. */
export class NoPosition extends Position {
  forward(x: Tensor): Tensor {
    return x;
  }

  override get addend(): null {
    return null;
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

  forward(x: Tensor, place: number | Tensor = 0): Tensor {
    return addRows('SinusoidalPosition', this.table, x, place);
  }

  override get addend(): Tensor {
    return this.table;
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

  forward(x: Tensor, place: number | Tensor = 0): Tensor {
    return addRows('LearnedPosition', this.weight, x, place);
  }

  override get addend(): Tensor {
    return this.weight;
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
