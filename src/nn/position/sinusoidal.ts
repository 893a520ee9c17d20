/**
 * Sinusoidal positions.
 *
 * `PE(pos, 2i) = sin(pos / 10000^(2i/C))`, `PE(pos, 2i+1) = cos(pos / 10000^(2i/C))`.
 *
 * Paper: Vaswani et al., Attention Is All You Need, 2017, §3.5, https://arxiv.org/abs/1706.03762
 */

/** Base of the wavelengths, which run from 2π to 2π · 10000. */
const BASE = 10_000;

/**
 * The table of the paper: sine on even channels, cosine on odd ones.
 *
 * @returns `[length · width]`, row-major
 */
export function sinusoidalTable(length: number, width: number): Float64Array {
  const table = new Float64Array(length * width);
  for (let position = 0; position < length; position++) {
    for (let channel = 0; channel < width; channel++) {
      const angle = position / BASE ** ((channel - (channel % 2)) / width);
      table[position * width + channel] = channel % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return table;
}
