/**
 * Blockwise parallel decoding: heads of the model itself propose the tokens after the next one, and the next pass keeps
 * them as far as the model says the same. Verification and the next proposal are one pass.
 *
 * Paper: Stern, Shazeer & Uszkoreit 2018, https://arxiv.org/abs/1811.03115
 */
import type { Tensor } from '../../core/tensor.ts';
import type { DecodingOptions } from '../options.ts';
import type { BlockSession } from '../session.ts';
import { likeliestToken } from './jacobi.ts';
import {
  type Draft,
  type Guess,
  type Guesser,
  guessAndVerify,
  type ParallelResult,
  type Seen,
} from './verify.ts';

/** A session of a model with heads for later tokens. */
export interface AheadSession extends BlockSession {
  /** As `extend`, with what each head says after each token: `ahead[row][place]` are the tokens after the next one. */
  extendAhead(tokens: readonly (readonly number[])[]): {
    readonly logits: Tensor;
    readonly ahead: readonly (readonly (readonly number[])[])[];
  };
}

/** Guesses what the heads said where the last certain token came from. */
class HeadsOfTheModel implements Guesser {
  /** Of the last pass. */
  ahead: readonly (readonly (readonly number[])[])[] = [];
  private readonly later = new Map<number, readonly number[]>();

  guess(drafts: readonly Draft[]): Guess[] {
    return drafts.map(({ text }) => ({ tokens: this.later.get(text) ?? [] }));
  }

  learn(seen: readonly Seen[]): void {
    for (const { draft, row, place } of seen) this.later.set(draft.text, this.ahead[row]![place]!);
  }
}

/** The session as verification asks it, which hands what the heads say to the guesser. */
class Watched implements BlockSession {
  private readonly session: AheadSession;
  private readonly heads: HeadsOfTheModel;

  constructor(session: AheadSession, heads: HeadsOfTheModel) {
    this.session = session;
    this.heads = heads;
  }

  get rows(): number {
    return this.session.rows;
  }

  get length(): number {
    return this.session.length;
  }

  extend(tokens: readonly (readonly number[])[]): Tensor {
    const { logits, ahead } = this.session.extendAhead(tokens);
    this.heads.ahead = ahead;
    return logits;
  }

  step(tokens: readonly number[]): Tensor {
    return this.session.step(tokens);
  }

  truncate(length: number): void {
    this.session.truncate(length);
  }

  select(places: readonly number[]): void {
    this.session.select(places);
  }

  dispose(): void {
    this.session.dispose();
  }
}

/**
 * The tokens of `greedySearch`, in at most as many passes; k tokens a pass where all heads are right.
 *
 * @throws {ConfigError} when an option cannot be used
 * @throws {HeedError} when the model has no heads for later tokens
 * @example
 * const { hypotheses, textPasses } = blockwiseSearch(session, { bos: 2, eos: 3, maxNewTokens: 50 });
 */
export function blockwiseSearch(session: AheadSession, options: DecodingOptions): ParallelResult {
  const heads = new HeadsOfTheModel();
  return guessAndVerify(new Watched(session, heads), heads, likeliestToken, options);
}
