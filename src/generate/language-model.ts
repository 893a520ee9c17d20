/** Continuing texts with a language model. */
import { ConfigError } from '../errors.ts';
import type { CausalLanguageModel } from '../models/language-model.ts';
import { beamSearch } from './beam.ts';
import { greedySearch } from './greedy.ts';
import { LanguageModelSession, SlidingSession } from './language-model-session.ts';
import type { DecodingOptions, Hypothesis } from './options.ts';
import { checkGuessing, type Guessing } from './parallel/guessing.ts';
import { jacobiSearch } from './parallel/jacobi.ts';
import { speculativeSearch } from './parallel/speculative.ts';
import type { ParallelResult } from './parallel/verify.ts';
import { sampleSearch } from './sample.ts';
import { checkSamplingOptions, type SamplingOptions } from './sampling/options.ts';

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
  /** Reads several guessed tokens in one pass of the model: the same texts, sooner. */
  readonly parallel?: Guessing<CausalLanguageModel> | undefined;
  /** Is told each token of each prompt's text as it comes, where there is one result for each and no beam. */
  readonly onToken?: ((prompt: number, token: number) => void) | undefined;
}

/** No token has this id. */
const NEVER = -1;
const DEFAULT_NEW_TOKENS = 200;

/**
 * The most new tokens that a prompt of `length` tokens gets.
 *
 * @throws {ConfigError} when prompt and new tokens are more than the model takes, or the one that drafts
 */
export function newTokensAfter(
  length: number,
  { maxSeqLen }: CausalLanguageModel,
  { maxNewTokens, slide, parallel }: Pick<GenerateOptions, 'maxNewTokens' | 'slide' | 'parallel'>,
): number {
  const room = slide ? Number.POSITIVE_INFINITY : maxSeqLen - length;
  const wanted = maxNewTokens ?? Math.max(1, Math.min(DEFAULT_NEW_TOKENS, room));
  if (wanted <= room) {
    if (parallel?.kind === 'speculative') checkDraft(parallel.draft, length + wanted);
    return wanted;
  }
  throw new ConfigError({
    where: 'maxNewTokens',
    expected: `prompt and new tokens of at most ${maxSeqLen} (maxSeqLen)`,
    got: `${length} and ${wanted}`,
    hint: 'shorten the prompt, ask for fewer tokens, or let the window slide (slide)',
  });
}

function checkDraft({ maxSeqLen }: CausalLanguageModel, length: number): void {
  if (length <= maxSeqLen) return;
  throw new ConfigError({
    where: 'draft',
    expected: `a model that takes ${length} tokens, prompt and new ones`,
    got: `one of at most ${maxSeqLen} (maxSeqLen)`,
    hint: 'ask for fewer tokens, or draft with a model that takes as many',
  });
}

/** What does not go together is refused, never dropped. */
function checkWay({ sample, slide, parallel, beamSize = 1, nBest = 1 }: GenerateOptions): void {
  if (!parallel) return;
  checkGuessing(parallel, { beamSize, nBest, sample });
  if (!slide) return;
  const hint = 'leave one of the two out';
  throw new ConfigError({ where: 'slide', expected: 'none with `parallel`', got: 'true', hint });
}

/**
 * Continues texts. Prompts of one length go through the model together.
 *
 * @param prompts - token ids, at least one each
 * @returns for each prompt its results, without the prompt
 * @throws {ConfigError} when an option cannot be used, two do not go together, or prompt and new tokens are more than
 *   the model takes
 * @throws {HeedError} when guesses are wanted of a model that takes no token back
 * @example
 * const [[{ tokens }]] = generate(model, [[464, 995]], { maxNewTokens: 20, sample: { temperature: 0.8, seed: 1 } });
 */
export function generate(
  model: CausalLanguageModel,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions = {},
): Hypothesis[][] {
  checkWay(options);
  if (options.sample) checkSamplingOptions(options.sample);
  const limits = new Map(
    prompts.map(({ length }) => [length, newTokensAfter(length, model, options)] as const),
  );
  const results: Hypothesis[][] = new Array(prompts.length);
  for (const [length, maxNewTokens] of limits) {
    const places = [...prompts.keys()].filter((i) => prompts[i]!.length === length);
    const group = groupOf(places, prompts, { ...options, maxNewTokens });
    const found = options.parallel
      ? guessed(model, options.parallel, group)
      : searched(model, group, options);
    for (const [row, i] of places.entries()) results[i] = found[row]!;
  }
  return results;
}

/** Prompts of one length, and what every way of decoding is told of them. */
interface Group {
  readonly prompts: readonly (readonly number[])[];
  readonly room: number;
  readonly common: DecodingOptions;
  readonly sample: SamplingOptions | undefined;
  /** Streams of random numbers of the prompts. */
  readonly streams: readonly number[];
}

function groupOf(
  places: readonly number[],
  all: readonly (readonly number[])[],
  options: GenerateOptions & { readonly maxNewTokens: number },
): Group {
  const { sample, eos = NEVER, maxNewTokens, forbidden = [] } = options;
  const prompts = places.map((i) => all[i]!);
  const onToken = (row: number, token: number): void => options.onToken?.(places[row]!, token);
  const bos = prompts.map((prompt) => prompt.at(-1)!);
  const streams = places.map((i) => options.streams?.[i] ?? i);
  return {
    ...{ prompts, room: maxNewTokens, sample, streams },
    common: { bos, eos, maxNewTokens, forbidden, onToken },
  };
}

function searched(
  model: CausalLanguageModel,
  { prompts, room, common, sample, streams }: Group,
  { beamSize = 1, nBest = 1 }: GenerateOptions,
): Hypothesis[][] {
  const session =
    prompts[0]!.length + room > model.maxSeqLen
      ? new SlidingSession(model, prompts)
      : new LanguageModelSession(model, prompts, room);
  try {
    if (sample) return sampleSearch(session, { ...common, ...sample, nBest, prompts, streams });
    if (beamSize === 1 && nBest === 1) return greedySearch(session, common).map((best) => [best]);
    return beamSearch(session, { ...common, beamSize, nBest });
  } finally {
    session.dispose();
  }
}

function guessed(
  model: CausalLanguageModel,
  parallel: Guessing<CausalLanguageModel>,
  { prompts, room, common, sample, streams }: Group,
): Hypothesis[][] {
  const sessions: LanguageModelSession[] = [];
  const open = (of: CausalLanguageModel): LanguageModelSession => {
    sessions.push(new LanguageModelSession(of, prompts, room));
    return sessions.at(-1)!;
  };
  const search = (): ParallelResult => {
    if (parallel.kind === 'jacobi') return jacobiSearch(open(model), { ...common, ...parallel });
    const { draft, draftTokens } = parallel;
    return speculativeSearch(open(model), open(draft), {
      ...common,
      ...(draftTokens !== undefined && { draftTokens }),
      ...(sample && { sample, prompts, streams }),
    });
  };
  try {
    return search().hypotheses.map((best) => [best]);
  } finally {
    for (const session of sessions) session.dispose();
  }
}
