/**
 * Sinusoidal positions.
 *
 * `PE(pos, 2i) = sin(pos / 10000^(2i/C))`, `PE(pos, 2i+1) = cos(pos / 10000^(2i/C))`.
 *
 * Paper: Vaswani et al., Attention Is All You Need, 2017, §3.5, https://arxiv.org/abs/1706.03762
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import type { ModuleContext } from '../module.ts';
import { addRows, type Places, Position } from './position.ts';

/** Base of the wavelengths, which run from 2π to 2π · 10000. */
const BASE = 10_000;

/**
 * Where the waves stand, and which they are:
 * - `interleaved`: the paper's, sine on even channels and cosine on odd ones;
 * - `halves`: the same waves, all sines and then all cosines, as tensor2tensor had them: a permutation of the paper's;
 * - `doubled`: the exponent is 2c/C for every channel c, as in a widespread notebook: not the paper's formula, for
 *   comparison only.
 */
export const sinusoidLayouts = ['interleaved', 'halves', 'doubled'] as const;
/** Names of the layouts. */
export type SinusoidLayout = (typeof sinusoidLayouts)[number];

/** Whether a channel holds a sine, and the exponent of its wavelength. */
function waveOf(channel: number, width: number, layout: SinusoidLayout): readonly [boolean, number] {
  const half = Math.ceil(width / 2);
  if (layout === 'halves') return [channel < half, (2 * (channel % half)) / width];
  const exponent = layout === 'doubled' ? 2 * channel : channel - (channel % 2);
  return [channel % 2 === 0, exponent / width];
}

/**
 * The table of sine and cosine waves.
 *
 * @param layout - the paper's by default
 * @returns `[length · width]`, row-major
 */
export function sinusoidalTable(
  length: number,
  width: number,
  layout: SinusoidLayout = 'interleaved',
): Float64Array {
  const table = new Float64Array(length * width);
  for (let channel = 0; channel < width; channel++) {
    const [isSine, exponent] = waveOf(channel, width, layout);
    for (let position = 0; position < length; position++) {
      const angle = position / BASE ** exponent;
      table[position * width + channel] = isSine ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return table;
}

/** Fixed sine and cosine waves; see `sinusoidalTable`. Defined for every length, computed up to `maxSeqLen`. */
export class SinusoidalPosition extends Position {
  private readonly table: Tensor;

  constructor(
    width: number,
    maxSeqLen: number,
    { device }: ModuleContext,
    layout: SinusoidLayout = 'interleaved',
  ) {
    super();
    const values = sinusoidalTable(maxSeqLen, width, layout);
    this.table = tensor(values, [maxSeqLen, width], device === undefined ? {} : { device }).keep();
  }

  override forward(x: Tensor, places: Places = 0): Tensor {
    return addRows('SinusoidalPosition', this.table, x, places);
  }

  override get addend(): Tensor {
    return this.table;
  }
}
