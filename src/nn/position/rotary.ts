/**
 * Rotary positions: queries and keys are turned by an angle that grows with their place, so that their product depends
 * on the distance only.
 *
 * `θ_i = base^(−2i/D)`; pair i of place m is turned by `m θ_i`.
 *
 * Paper: Su et al., RoFormer, 2021, https://arxiv.org/abs/2104.09864
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { type RotaryLayout, type RotaryOptions, rotary } from '../../ops/rotary/index.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { concat, slice } from '../../ops/shape/slice.ts';
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
export const rotaryScalings = ['none', 'linear', 'ntk', 'yarn', 'llama3'] as const;
/** Names of the scalings. */
export type RotaryScaling = (typeof rotaryScalings)[number];

/** What the angles of rotary positions follow from. */
export interface RotaryAngles {
  readonly base: number;
  readonly scaling: RotaryScaling;
  /** By which factor texts are longer than `trainedLength`. */
  readonly factor: number;
  /** Length of the texts of training, for the ramps of `yarn` and `llama3`. */
  readonly trainedLength: number;
  /** With `llama3`, turns over the trained length up to which a pair is slow, and from which it is fast; 1 and 4. */
  readonly lowFreqFactor?: number;
  readonly highFreqFactor?: number;
}

/** Pair whose wave makes `turns` full turns over the trained length. */
function pairOf(turns: number, headDim: number, { base, trainedLength }: RotaryAngles): number {
  return (headDim * Math.log(trainedLength / (turns * 2 * Math.PI))) / (2 * Math.log(base));
}

/** Turns below which YaRN interpolates, and above which it leaves a pair alone. */
const YARN_TURNS = { slow: 1, fast: 32 } as const;

/** How much of the division by the factor each pair gets with YaRN: 0 for fast ones, 1 for slow ones. */
function yarnRamp(headDim: number, angles: RotaryAngles): (i: number) => number {
  const low = Math.max(0, Math.floor(pairOf(YARN_TURNS.fast, headDim, angles)));
  const high = Math.min(headDim - 1, Math.ceil(pairOf(YARN_TURNS.slow, headDim, angles)));
  return (i) => between((i - low) / Math.max(0.001, high - low));
}

/** The same with Llama 3's bounds, in proportion to the turns themselves instead of the pair's number. */
function llama3Ramp(angles: RotaryAngles): (i: number, frequency: number) => number {
  const { trainedLength, lowFreqFactor: low = 1, highFreqFactor: high = 4 } = angles;
  return (_, frequency) => 1 - between(((trainedLength * frequency) / (2 * Math.PI) - low) / (high - low));
}

const between = (share: number): number => Math.max(0, Math.min(1, share));

/**
 * Angle per place of each pair, and the factor on cosines and sines.
 *
 * - `linear`: positions are divided by the factor (Chen et al. 2023, https://arxiv.org/abs/2306.15595).
 * - `ntk`: the base grows by `factor^(D/(D−2))`, so that fast pairs stay as they are (bloc97, 2023).
 * - `yarn`: slow pairs are divided, fast ones are not, those between in proportion; cosines and sines grow by
 *   `0.1 ln factor + 1` (Peng et al. 2023, https://arxiv.org/abs/2309.00071).
 * - `llama3`: the same division with other bounds, and without the growth (Llama 3.1, 2024,
 *   https://arxiv.org/abs/2407.21783).
 *
 * @param headDim - D, the channels that turn
 * @returns D/2 frequencies
 */
export function rotaryFrequencies(
  headDim: number,
  angles: RotaryAngles,
): { readonly frequencies: Float64Array; readonly magnitude: number } {
  const { base, scaling, factor } = angles;
  const grown = scaling === 'ntk' ? base * factor ** (headDim / Math.max(1, headDim - 2)) : base;
  const frequencies = Float64Array.from({ length: headDim / 2 }, (_, i) => grown ** ((-2 * i) / headDim));
  const divided = (share: (i: number, frequency: number) => number): Float64Array =>
    frequencies.map((f, i) => f * (1 - share(i, f)) + (f / factor) * share(i, f));
  switch (scaling) {
    case 'linear':
      return { frequencies: divided(() => 1), magnitude: 1 };
    case 'yarn':
      return {
        frequencies: divided(yarnRamp(headDim, angles)),
        magnitude: 0.1 * Math.log(Math.max(1, factor)) + 1,
      };
    case 'llama3':
      return { frequencies: divided(llama3Ramp(angles)), magnitude: 1 };
    default:
      return { frequencies, magnitude: 1 };
  }
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

/** Channels beyond the first of each head stay as they are: pairs with a cosine of 1 and a sine of 0 behind the others. */
function withStillPairs(turning: Float64Array, rotaryDim: number, headDim: number): Float64Array {
  const length = turning.length / rotaryDim;
  const table = new Float64Array(length * headDim);
  for (let place = 0; place < length; place++) {
    const own = turning.subarray(place * rotaryDim, (place + 1) * rotaryDim);
    const sines = place * headDim + headDim / 2;
    table.fill(1, place * headDim, sines);
    table.set(own.subarray(0, rotaryDim / 2), place * headDim);
    table.set(own.subarray(rotaryDim / 2), sines);
  }
  return table;
}

/** Angles, which channels make a pair, and how many of a head's turn. */
export interface RotaryPositionOptions extends RotaryAngles {
  readonly layout: RotaryLayout;
  /**
   * Only the first channels of each head turn (GPT-J's `rotary_dim`, GPT-NeoX's `rotary_pct` times D; Black et al. 2022,
   * https://arxiv.org/abs/2204.06745); all of them by default.
   */
  readonly rotaryDim?: number | undefined;
}

/** Values of angles that no option was given for. */
export const rotaryDefaults = {
  base: 10_000,
  factor: 1,
  trainedLength: 512,
  lowFreqFactor: 1,
  highFreqFactor: 4,
} as const;

/** The scalings that read an option, where not all of them do. */
const readBy = {
  trainedLength: ['yarn', 'llama3'],
  lowFreqFactor: ['llama3'],
  highFreqFactor: ['llama3'],
} as const satisfies Readonly<Record<string, readonly RotaryScaling[]>>;

/** An option that was given and that the scaling does not read. */
function unreadOption(options: RotaryPositionOptions): string | undefined {
  const { scaling } = options;
  for (const [name, scalings] of Object.entries(readBy) as [keyof typeof readBy, readonly string[]][]) {
    const value = options[name] ?? rotaryDefaults[name];
    if (value === rotaryDefaults[name] || scalings.includes(scaling)) continue;
    return `${name} ${value} does nothing with scaling ${scaling}: expected scaling ${scalings.join(' or ')}`;
  }
  return undefined;
}

/** What does not go together in the options of a rotation of heads of that width; undefined when all does. */
export function rotaryClash(options: RotaryPositionOptions, headDim: number): string | undefined {
  const { scaling, factor, rotaryDim = headDim, lowFreqFactor = 1, highFreqFactor = 4 } = options;
  if (rotaryDim > headDim)
    return `expected a rotaryDim of at most the head width (${headDim}), got ${rotaryDim}`;
  if (rotaryDim % 2)
    return `it turns pairs: expected an even ${options.rotaryDim ? 'rotaryDim' : 'head width'}, got ${rotaryDim}`;
  if (scaling === 'none')
    return factor === 1
      ? unreadOption(options)
      : `factor ${factor} does nothing without a scaling: expected scaling linear, ntk, yarn or llama3, got none`;
  if (factor === 1) return `scaling ${scaling} by a factor of 1 does nothing: expected a factor above 1`;
  const unread = unreadOption(options);
  if (unread) return unread;
  return scaling === 'llama3' && highFreqFactor <= lowFreqFactor
    ? `expected highFreqFactor above lowFreqFactor (${lowFreqFactor}), got ${highFreqFactor}`
    : undefined;
}

/** Turns queries and keys of every layer; token vectors stay as they are. */
export class RotaryPosition extends Position implements AttentionPosition {
  private readonly table: Tensor;
  private readonly layout: RotaryLayout;
  private readonly headDim: number;

  /** @param headDim - even, or with an even `rotaryDim` below it */
  constructor(
    headDim: number,
    maxSeqLen: number,
    { layout, rotaryDim = headDim, ...angles }: RotaryPositionOptions,
    { device }: ModuleContext,
  ) {
    super();
    const turning = rotaryTable(maxSeqLen, rotaryDim, angles);
    // Neighbours that stand still can be written as pairs of a whole head; halves of a part are no halves of the whole.
    const isWhole = layout === 'interleaved' && rotaryDim < headDim && headDim % 2 === 0;
    const values = isWhole ? withStillPairs(turning, rotaryDim, headDim) : turning;
    const shape = [maxSeqLen, isWhole ? headDim : rotaryDim];
    this.table = tensor(values, shape, device === undefined ? {} : { device }).keep();
    this.layout = layout;
    this.headDim = headDim;
  }

  override get rotation(): Rotation | null {
    return this.isPartial ? null : { table: this.table, layout: this.layout };
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

  /** Whether the table is for a part of each head. */
  private get isPartial(): boolean {
    return this.table.shape[1]! < this.headDim;
  }

  private turned(x: Tensor, place: Places): Tensor {
    const { table, layout, headDim } = this;
    const [end, room] = [lastPlace(x, place) + 1, table.shape[0]!];
    if (end > room) throw tooManyPositions('RotaryPosition', end, room);
    const how = { numHeads: x.shape[2]! / headDim, layout, place };
    return this.isPartial ? turnedInPart(x, table, how) : rotary(x, table, how);
  }
}

/** `rotary` of the first channels of each head, as many as the table has; the others as they are. */
function turnedInPart(x: Tensor, table: Tensor, how: RotaryOptions): Tensor {
  const [batch, length, width] = x.shape as [number, number, number];
  const { numHeads } = how;
  const turning = table.shape[1]!;
  const heads = reshape(x, [batch, length, numHeads, width / numHeads]);
  const first = reshape(slice(heads, 3, 0, turning), [batch, length, numHeads * turning]);
  const turned = reshape(rotary(first, table, how), [batch, length, numHeads, turning]);
  return reshape(concat([turned, slice(heads, 3, turning)], 3), x.shape);
}
