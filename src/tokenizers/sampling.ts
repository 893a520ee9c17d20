/** What drawing a segmentation may be asked for. */
import { TokenizerError } from '../errors.ts';
import type { Sampling } from './types.ts';

/**
 * The refusal of sampling altogether.
 *
 * @throws TokenizerError always
 */
export function refuseSampling(what: string): never {
  throw new TokenizerError({
    where: 'Tokenizer.encode',
    expected: 'no sampling',
    got: `sampling for ${what}, which gives one segmentation for a text`,
    hint: 'tokenizers of kind bpe and unigram draw segmentations',
  });
}

const options = ['dropout', 'alpha', 'nBest'] as const;

/**
 * Takes the options that a kind has, and sees that their values can be used.
 *
 * @throws TokenizerError for an option of another kind, or a value out of its range
 */
export function checkSampling(
  kind: string,
  own: readonly (typeof options)[number][],
  sampling: Sampling,
): void {
  for (const name of options) {
    const value = sampling[name];
    if (value === undefined) continue;
    const problem = own.includes(name) ? rangeProblem(name, value) : `only ${own.join(' and ')}`;
    if (problem === undefined) continue;
    const got = `${name} ${value}`;
    throw new TokenizerError({ where: `sampling of kind ${kind}`, expected: problem, got });
  }
}

function rangeProblem(name: (typeof options)[number], value: number): string | undefined {
  if (name === 'dropout') return value >= 0 && value <= 1 ? undefined : 'a probability from 0 to 1';
  if (name === 'alpha') return value >= 0 && value < Infinity ? undefined : 'a number of at least 0';
  return Number.isSafeInteger(value) && value >= 1 ? undefined : 'a whole number of at least 1';
}
