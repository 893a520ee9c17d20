/**
 * Jacobi decoding: a block of tokens is guessed at random places of truth and improved by its own model until the
 * next ones are right. No second model and no training is needed.
 *
 * Paper: Santilli et al., Accelerating Transformer Inference for Translation via Parallel Decoding, 2023,
 * https://arxiv.org/abs/2305.10427
 */
import { ConfigError } from '../../errors.ts';
import type { DecodingOptions } from '../options.ts';
import { likeliest } from '../sampling/distribution.ts';
import type { BlockSession } from '../session.ts';
import {
  type Draft,
  type Guess,
  type Guesser,
  guessAndVerify,
  type ParallelResult,
  type Seen,
} from './verify.ts';

/** Options of Jacobi decoding. */
export interface JacobiOptions extends DecodingOptions {
  /** Tokens that are guessed at once. Default 4. */
  readonly blockSize?: number;
}

/** Guesses what the model said in the last pass about the places after the certain ones. */
class LastPass implements Guesser {
  private readonly blockSize: number;
  /** By text: the likeliest tokens after its last certain token, as the last pass saw them. */
  private readonly later = new Map<number, number[]>();

  constructor(blockSize: number) {
    this.blockSize = blockSize;
  }

  guess(drafts: readonly Draft[]): Guess[] {
    return drafts.map(({ text, known }) => {
      const later = this.later.get(text) ?? [];
      const filler = later.at(-1) ?? known.at(-1)!;
      return { tokens: Array.from({ length: this.blockSize }, (_, i) => later[i] ?? filler) };
    });
  }

  learn(seen: readonly Seen[]): void {
    for (const { draft, place, length, logitsAt } of seen) {
      const places = Array.from({ length: length - place - 1 }, (_, i) => place + 1 + i);
      this.later.set(
        draft.text,
        places.map((later) => likeliest(logitsAt(later))),
      );
    }
  }
}

/** Not for users: takes a guess when it is the likeliest token. */
export function likeliestToken(_draft: Draft, logits: Float64Array): number {
  return likeliest(logits);
}

/** Not for users: a number of tokens, checked. */
export function checkedCount(where: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new ConfigError({ where, expected: 'a whole number of at least 1', got: String(count) });
}

/**
 * The tokens of `greedySearch`, in at most as many passes and usually fewer.
 *
 * @throws {ConfigError} when an option cannot be used
 * @example
 * const { hypotheses, passes } = jacobiSearch(session, { bos: 2, eos: 3, maxNewTokens: 50, blockSize: 5 });
 */
export function jacobiSearch(session: BlockSession, options: JacobiOptions): ParallelResult {
  const blockSize = checkedCount('blockSize', options.blockSize ?? 4);
  return guessAndVerify(session, new LastPass(blockSize), likeliestToken, options);
}
