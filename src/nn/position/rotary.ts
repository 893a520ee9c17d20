/**
 * Rotary positions: queries and keys are turned by an angle that grows with their place, so that their product depends
 * on the distance only.
 *
 * `θ_i = base^(−2i/D)`; pair i of place m is turned by `m θ_i`.
 *
 * Paper: Su et al., RoFormer, 2021, https://arxiv.org/abs/2104.09864
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { type RotaryLayout, rotary } from '../../ops/rotary/index.ts';
import type { ModuleContext } from '../module.ts';
import {
  type AttentionPosition,
  lastPlace,
  type Places,
  Position,
  type Rotation,
  tooManyPositions,
} from './position.ts';

/** How angles are made for texts longer than those of training. */
export const rotaryScalings = ['none', 'linear', 'ntk', 'yarn'] as const;
/** Names of the scalings. */
export type RotaryScaling = (typeof rotaryScalings)[number];

/** What the angles of rotary positions follow from. */
export interface RotaryAngles {
  readonly base: number;
  readonly scaling: RotaryScaling;
  /** By which factor texts are longer than `trainedLength`. */
  readonly factor: number;
  /** Length for which YaRN's ramp is computed. */
  readonly trainedLength: number;
}

/** Pair whose wave makes `turns` full turns over the trained length. */
function pairOf(turns: number, headDim: number, { base, trainedLength }: RotaryAngles): number {
  return (headDim * Math.log(trainedLength / (turns * 2 * Math.PI))) / (2 * Math.log(base));
}

/** Turns below which YaRN interpolates, and above which it leaves a pair alone. */
const YARN_TURNS = { slow: 1, fast: 32 } as const;

/**
 * Angle per place of each pair, and the factor on cosines and sines.
 *
 * - `linear`: positions are divided by the factor (Chen et al. 2023, https://arxiv.org/abs/2306.15595).
 * - `ntk`: the base grows by `factor^(D/(D−2))`, so that fast pairs stay as they are (bloc97, 2023).
 * - `yarn`: slow pairs are divided, fast ones are not, those between in proportion; cosines and sines grow by
 *   `0.1 ln factor + 1` (Peng et al. 2023, https://arxiv.org/abs/2309.00071).
 */
export function rotaryFrequencies(
  headDim: number,
  angles: RotaryAngles,
): { readonly frequencies: Float64Array; readonly magnitude: number } {
  const { base, scaling, factor } = angles;
  const pairs = headDim / 2;
  const grown = scaling === 'ntk' ? base * factor ** (headDim / Math.max(1, headDim - 2)) : base;
  const frequencies = Float64Array.from({ length: pairs }, (_, i) => grown ** ((-2 * i) / headDim));
  if (scaling === 'linear') return { frequencies: frequencies.map((f) => f / factor), magnitude: 1 };
  if (scaling !== 'yarn' || factor <= 1) return { frequencies, magnitude: 1 };
  const low = Math.max(0, Math.floor(pairOf(YARN_TURNS.fast, headDim, angles)));
  const high = Math.min(headDim - 1, Math.ceil(pairOf(YARN_TURNS.slow, headDim, angles)));
  const divided = (i: number): number => Math.max(0, Math.min(1, (i - low) / Math.max(0.001, high - low)));
  return {
    frequencies: frequencies.map((f, i) => f * (1 - divided(i)) + (f / factor) * divided(i)),
    magnitude: 0.1 * Math.log(factor) + 1,
  };
}

/** Cosines and then sines of each place, `[length, headDim]`, as the op `rotary` takes them. */
export function rotaryTable(length: number, headDim: number, angles: RotaryAngles): Float64Array {
  const { frequencies, magnitude } = rotaryFrequencies(headDim, angles);
  const table = new Float64Array(length * headDim);
  for (let place = 0; place < length; place++) {
    frequencies.forEach((frequency, i) => {
      table[place * headDim + i] = magnitude * Math.cos(place * frequency);
      table[place * headDim + headDim / 2 + i] = magnitude * Math.sin(place * frequency);
    });
  }
  return table;
}

/** Angles, and which channels make a pair. */
export interface RotaryPositionOptions extends RotaryAngles {
  readonly layout: RotaryLayout;
}

/** Turns queries and keys of every layer; token vectors stay as they are. */
export class RotaryPosition extends Position implements AttentionPosition {
  private readonly table: Tensor;
  private readonly layout: RotaryLayout;
  private readonly headDim: number;

  /** @param headDim - even */
  constructor(
    headDim: number,
    maxSeqLen: number,
    { layout, ...angles }: RotaryPositionOptions,
    { device }: ModuleContext,
  ) {
    super();
    const values = rotaryTable(maxSeqLen, headDim, angles);
    this.table = tensor(values, [maxSeqLen, headDim], device === undefined ? {} : { device }).keep();
    this.layout = layout;
    this.headDim = headDim;
  }

  override get rotation(): Rotation {
    return { table: this.table, layout: this.layout };
  }

  override inAttention(): AttentionPosition {
    return this;
  }

  query(query: Tensor, places: Places): Tensor {
    return this.turned(query, places);
  }

  key(key: Tensor, places: Places): Tensor {
    return this.turned(key, places);
  }

  private turned(x: Tensor, place: Places): Tensor {
    const { table, layout } = this;
    const [end, room] = [lastPlace(x, place) + 1, table.shape[0]!];
    if (end > room) throw tooManyPositions('RotaryPosition', end, room);
    return rotary(x, table, { numHeads: x.shape[2]! / this.headDim, layout, place });
  }
}
