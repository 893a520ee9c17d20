/**
 * Speculative decoding: a small model drafts tokens, the large one reads them in one pass. Greedy decoding gives the
 * same tokens as the large model alone; sampling draws from the same distribution.
 *
 * Paper: Leviathan, Kalman & Matias, Fast Inference from Transformers via Speculative Decoding, 2022,
 * https://arxiv.org/abs/2211.17192
 */
import { forbid } from '../next-tokens.ts';
import type { DecodingOptions } from '../options.ts';
import { likeliest } from '../sampling/distribution.ts';
import type { SamplingOptions } from '../sampling/options.ts';
import { Sampler } from '../sampling/sampler.ts';
import type { BlockSession } from '../session.ts';
import { checkedCount, likeliestToken } from './jacobi.ts';
import {
  type Decide,
  type Draft,
  type Guess,
  type Guesser,
  guessAndVerify,
  type ParallelResult,
} from './verify.ts';

/** Options of speculative decoding. */
export interface SpeculativeOptions extends DecodingOptions {
  /** Tokens that the small model drafts for a pass of the large one. Default 4. */
  readonly draftTokens?: number;
  /** Draws tokens; the likeliest are taken without it. */
  readonly sample?: SamplingOptions;
  /** Numbers of the streams of random numbers, one for each text; their places by default. */
  readonly streams?: readonly number[];
  /** What stands before each text and counts for penalties, such as the prompt of a language model. */
  readonly prompts?: readonly (readonly number[])[];
}

/** Where the random numbers of a text come from: drafting and deciding draw from streams of their own. */
interface Streams {
  readonly sampler: Sampler;
  drafting(text: number): number;
  deciding(text: number): number;
  /** What stands before a text. */
  promptOf(text: number): readonly number[];
}

/** Drafts with a model, token by token. */
class DraftModel implements Guesser {
  private readonly session: BlockSession;
  private readonly draftTokens: number;
  private readonly forbidden: readonly number[];
  private readonly streams: Streams | undefined;

  constructor(session: BlockSession, draftTokens: number, forbidden: readonly number[], streams?: Streams) {
    this.session = session;
    this.draftTokens = draftTokens;
    this.forbidden = forbidden;
    this.streams = streams;
  }

  guess(drafts: readonly Draft[]): Guess[] {
    const { session } = this;
    const certain = Math.min(...drafts.map(({ known }) => known.length));
    session.truncate(Math.min(session.length, certain - 1));
    const texts = drafts.map(({ known }) => [...known]);
    const found = drafts.map((): { tokens: number[]; probabilities: Float64Array[] } => ({
      tokens: [],
      probabilities: [],
    }));
    const wanted = drafts.map(({ room }) => Math.min(room, this.draftTokens));
    const isMissing = (i: number): boolean => found[i]!.tokens.length < wanted[i]!;
    while ([...drafts.keys()].some(isMissing)) {
      const at = session.length;
      const logits = session.step(texts.map((text) => text[at] ?? text.at(-1)!));
      forbid(logits, this.forbidden);
      const width = logits.shape[1]!;
      for (const [i, draft] of drafts.entries()) {
        if (at !== texts[i]!.length - 1 || !isMissing(i)) continue;
        const own = Float64Array.from(logits.data.subarray(i * width, (i + 1) * width));
        texts[i]!.push(this.next(draft, texts[i]!.slice(1), own, found[i]!));
      }
      logits.dispose();
    }
    return this.streams ? found : found.map(({ tokens }) => ({ tokens }));
  }

  private next(
    { text }: Draft,
    tokens: readonly number[],
    logits: Float64Array,
    found: { readonly tokens: number[]; readonly probabilities: Float64Array[] },
  ): number {
    const { streams } = this;
    const probabilities = streams?.sampler.probabilities(logits, tokens, streams.promptOf(text));
    const token = probabilities
      ? streams!.sampler.draw(probabilities, streams!.drafting(text))
      : likeliest(logits);
    found.tokens.push(token);
    if (probabilities) found.probabilities.push(probabilities);
    return token;
  }

  select(places: readonly number[]): void {
    this.session.select(places);
  }
}

/**
 * Takes a drafted token x with probability min(1, p(x)/q(x)), else draws from max(0, p − q): together that is a draw
 * from p, the large model's distribution.
 */
function acceptOrDraw({ sampler, deciding, promptOf }: Streams): Decide {
  return ({ text, known }, logits, guess) => {
    const stream = deciding(text);
    const target = sampler.probabilities(logits, known.slice(1), promptOf(text));
    if (!guess) return sampler.draw(target, stream);
    const drafted = guess.probabilities!;
    const isAccepted = sampler.uniform(stream) * drafted[guess.token]! < target[guess.token]!;
    if (isAccepted) return guess.token;
    return sampler.draw(
      target.map((p, id) => Math.max(0, p - drafted[id]!)),
      stream,
    );
  };
}

/**
 * Decodes with a small model that drafts and a large one that decides.
 *
 * @param session - of the large model
 * @param draft - of the small model, for the same texts and vocabulary
 * @throws {ConfigError} when an option cannot be used, or the two sessions have not the same texts
 * @example
 * const { hypotheses, passes } = speculativeSearch(large, small, { bos: 2, eos: 3, maxNewTokens: 50, draftTokens: 4 });
 */
export function speculativeSearch(
  session: BlockSession,
  draft: BlockSession,
  options: SpeculativeOptions,
): ParallelResult {
  const draftTokens = checkedCount('draftTokens', options.draftTokens ?? 4);
  const { sample, forbidden = [] } = options;
  if (!sample) {
    const guesser = new DraftModel(draft, draftTokens, forbidden);
    return guessAndVerify(session, guesser, likeliestToken, options);
  }
  const streamOf = (text: number): number => options.streams?.[text] ?? text;
  const streams: Streams = {
    sampler: new Sampler(sample, options.eos),
    drafting: (text) => 2 * streamOf(text),
    deciding: (text) => 2 * streamOf(text) + 1,
    promptOf: (text) => options.prompts?.[text] ?? [],
  };
  const guesser = new DraftModel(draft, draftTokens, forbidden, streams);
  return guessAndVerify(session, guesser, acceptOrDraw(streams), options);
}
