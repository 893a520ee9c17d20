/** Who guesses the tokens that a model reads in one pass, and what does not go with that. */
import { ConfigError } from '../../errors.ts';
import type { SamplingOptions } from '../sampling/options.ts';

/** The model's own last pass guesses, or a smaller model does. */
export type Guessing<M> =
  | { readonly kind: 'jacobi'; readonly blockSize?: number }
  | { readonly kind: 'speculative'; readonly draft: M; readonly draftTokens?: number };

/**
 * Guesses verify one text at a time, and all schemes but drafts are greedy.
 *
 * @throws {ConfigError} when options ask for several hypotheses, or for draws that nobody drafts
 */
export function checkGuessing(
  { kind }: { readonly kind: string },
  {
    beamSize,
    nBest,
    sample,
  }: { readonly beamSize: number; readonly nBest: number; readonly sample?: SamplingOptions | undefined },
): void {
  const hint = 'leave one of the two out';
  for (const [where, count] of Object.entries({ beamSize, nBest })) {
    if (count > 1) throw new ConfigError({ where, expected: '1 with `parallel`', got: String(count), hint });
  }
  if (!sample || kind === 'speculative') return;
  const expected = `none with ${kind} decoding, which is greedy`;
  throw new ConfigError({ where: 'sample', expected, got: 'some', hint: 'draw with a draft model' });
}
