/** Continuing texts with a language model. */
import { ConfigError } from '../errors.ts';
import type { CausalLanguageModel } from '../models/language-model.ts';
import { beamSearch } from './beam.ts';
import { greedySearch } from './greedy.ts';
import { LanguageModelSession, SlidingSession } from './language-model-session.ts';
import type { Hypothesis } from './options.ts';
import { sampleSearch } from './sample.ts';
import type { SamplingOptions } from './sampling/options.ts';
import type { DecodingSession } from './session.ts';

/** How prompts are continued. */
export interface GenerateOptions {
  /** Most new tokens of a text; by default 200, or as many as the model still takes after its prompt. */
  readonly maxNewTokens?: number | undefined;
  /** Id that ends a text; without one, every text grows to its limit. */
  readonly eos?: number;
  /** Draws tokens; the likeliest are taken without it. */
  readonly sample?: SamplingOptions;
  /** Hypotheses kept for each text, without `sample`. Default 1. */
  readonly beamSize?: number;
  /** Results for each prompt. Default 1. */
  readonly nBest?: number;
  readonly forbidden?: readonly number[];
  /** Numbers of the streams of random numbers, one for each prompt; their places by default. */
  readonly streams?: readonly number[];
  /**
   * A text that is as long as the model takes goes on from its later half, which the model reads anew; refused by
   * default.
   */
  readonly slide?: boolean | undefined;
  /** Is told each token of each prompt's text as it comes, where there is one result for each and no beam. */
  readonly onToken?: ((prompt: number, token: number) => void) | undefined;
}

/** No token has this id. */
const NEVER = -1;
const DEFAULT_NEW_TOKENS = 200;

/**
 * The most new tokens that a prompt of `length` tokens gets.
 *
 * @throws {ConfigError} when prompt and new tokens are more than the model takes
 */
export function newTokensAfter(
  length: number,
  { maxSeqLen }: CausalLanguageModel,
  { maxNewTokens, slide }: Pick<GenerateOptions, 'maxNewTokens' | 'slide'>,
): number {
  const room = slide ? Number.POSITIVE_INFINITY : maxSeqLen - length;
  const wanted = maxNewTokens ?? Math.max(1, Math.min(DEFAULT_NEW_TOKENS, room));
  if (wanted <= room) return wanted;
  throw new ConfigError({
    where: 'maxNewTokens',
    expected: `prompt and new tokens of at most ${maxSeqLen} (maxSeqLen)`,
    got: `${length} and ${wanted}`,
    hint: 'shorten the prompt, ask for fewer tokens, or let the window slide (slide)',
  });
}

/**
 * Continues texts. Prompts of one length go through the model together.
 *
 * @param prompts - token ids, at least one each
 * @returns for each prompt its results, without the prompt
 * @throws {ConfigError} when an option cannot be used, or prompt and new tokens are more than the model takes
 * @example
 * const [[{ tokens }]] = generate(model, [[464, 995]], { maxNewTokens: 20, sample: { temperature: 0.8, seed: 1 } });
 */
export function generate(
  model: CausalLanguageModel,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): Hypothesis[][] {
  const limits = new Map(
    prompts.map(({ length }) => [length, newTokensAfter(length, model, options)] as const),
  );
  const results: Hypothesis[][] = new Array(prompts.length);
  for (const [length, maxNewTokens] of limits) {
    const places = [...prompts.keys()].filter((i) => prompts[i]!.length === length);
    const own = places.map((i) => prompts[i]!);
    const session =
      length + maxNewTokens > model.maxSeqLen
        ? new SlidingSession(model, own)
        : new LanguageModelSession(model, own, maxNewTokens);
    try {
      const found = search(session, places, prompts, { ...options, maxNewTokens });
      for (const [row, i] of places.entries()) results[i] = found[row]!;
    } finally {
      session.dispose();
    }
  }
  return results;
}

function search(
  session: DecodingSession,
  places: readonly number[],
  prompts: readonly (readonly number[])[],
  options: GenerateOptions & { readonly maxNewTokens: number },
): Hypothesis[][] {
  const { sample, beamSize = 1, nBest = 1, eos = NEVER, maxNewTokens, forbidden = [] } = options;
  const own = places.map((i) => prompts[i]!);
  const onToken = (row: number, token: number): void => options.onToken?.(places[row]!, token);
  const common = { bos: own.map((prompt) => prompt.at(-1)!), eos, maxNewTokens, forbidden, onToken };
  if (sample) {
    const streams = places.map((i) => options.streams?.[i] ?? i);
    return sampleSearch(session, { ...common, ...sample, nBest, prompts: own, streams });
  }
  if (beamSize === 1 && nBest === 1) return greedySearch(session, common).map((best) => [best]);
  return beamSearch(session, { ...common, beamSize, nBest });
}
