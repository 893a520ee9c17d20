/** Continuing texts with a language model. */
import type { Device } from '../core/device.ts';
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { ConfigError } from '../errors.ts';
import { beamSearch } from './beam.ts';
import { greedySearch } from './greedy.ts';
import type { Hypothesis } from './options.ts';
import { sampleSearch } from './sample.ts';
import type { SamplingOptions } from './sampling/options.ts';
import type { BlockSession } from './session.ts';

/** What a language model keeps of the texts that it continues. */
export interface LanguageModelCache {
  /** Tokens so far. */
  readonly length: number;
  select(places: readonly number[]): void;
  truncate(length: number): void;
  dispose(): void;
}

/** A model that predicts each token from those before it, as `Gpt` does. */
export interface LanguageModel<C extends LanguageModelCache = LanguageModelCache> {
  readonly maxSeqLen: number;
  readonly device: Device;
  startDecoding(batch: number, room: number): C;
  /** int32 `[B, T]` to the logits after the last token, `[B, V]`. */
  step(ids: Tensor, cache: C): Tensor;
  /** int32 `[B, T]` to the logits after each token, `[B, T, V]`. */
  extend(ids: Tensor, cache: C): Tensor;
}

/** Texts of a language model after their prompts; the last token of each prompt is the first that a search feeds. */
export class LanguageModelSession<C extends LanguageModelCache> implements BlockSession {
  rows: number;
  private readonly model: LanguageModel<C>;
  private readonly cache: C;
  private readonly promptLength: number;

  /**
   * @param prompts - of one length, at least one token each
   * @param room - most tokens that will come after the prompts
   * @throws {ConfigError} when a prompt is empty or the lengths differ
   */
  constructor(model: LanguageModel<C>, prompts: readonly (readonly number[])[], room: number) {
    const length = prompts[0]?.length ?? 1;
    const other = prompts.find((prompt) => prompt.length !== length || prompt.length === 0);
    if (other) {
      const expected = length === 0 ? 'at least one token' : `${length} tokens, as the first has`;
      throw new ConfigError({
        where: 'prompts',
        expected,
        got: String(other.length),
        hint: 'generate() takes prompts of any length',
      });
    }
    this.model = model;
    this.rows = prompts.length;
    this.cache = model.startDecoding(this.rows, length + room);
    this.promptLength = length - 1;
    if (length > 1)
      this.feed(
        prompts.map((prompt) => prompt.slice(0, -1)),
        (ids) => model.step(ids, this.cache),
      ).dispose();
  }

  private feed(tokens: readonly (readonly number[])[], run: (ids: Tensor) => Tensor): Tensor {
    const shape = [tokens.length, tokens[0]!.length];
    return noGrad(() =>
      scope(() => run(tensor(tokens.flat(), shape, { dtype: 'int32', device: this.model.device }))),
    );
  }

  /** Tokens after the prompts, the last token of each prompt counted. */
  get length(): number {
    return this.cache.length - this.promptLength;
  }

  step(tokens: readonly number[]): Tensor {
    return this.feed(
      tokens.map((token) => [token]),
      (ids) => this.model.step(ids, this.cache),
    );
  }

  extend(tokens: readonly (readonly number[])[]): Tensor {
    return this.feed(tokens, (ids) => this.model.extend(ids, this.cache));
  }

  truncate(length: number): void {
    this.cache.truncate(this.promptLength + length);
  }

  select(places: readonly number[]): void {
    this.cache.select(places);
    this.rows = places.length;
  }

  dispose(): void {
    this.cache.dispose();
  }
}

/** How prompts are continued. */
export interface GenerateOptions {
  /** Most new tokens of a text. */
  readonly maxNewTokens: number;
  /** Id that ends a text; without one, every text grows to its limit. */
  readonly eos?: number;
  /** Draws tokens; the likeliest are taken without it. */
  readonly sample?: SamplingOptions;
  /** Hypotheses kept for each text, without `sample`. Default 1. */
  readonly beamSize?: number;
  /** Results for each prompt. Default 1. */
  readonly nBest?: number;
  readonly forbidden?: readonly number[];
}

/** No token has this id. */
const NEVER = -1;

/**
 * Continues texts. Prompts of one length go through the model together.
 *
 * @param prompts - token ids, at least one each
 * @returns for each prompt its results, without the prompt
 * @throws {ConfigError} when an option cannot be used, or prompt and new tokens are more than the model takes
 * @example
 * const [[{ tokens }]] = generate(model, [[464, 995]], { maxNewTokens: 20, sample: { temperature: 0.8, seed: 1 } });
 */
export function generate<C extends LanguageModelCache>(
  model: LanguageModel<C>,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): Hypothesis[][] {
  const longest = Math.max(0, ...prompts.map(({ length }) => length));
  if (longest + options.maxNewTokens > model.maxSeqLen) {
    throw new ConfigError({
      where: 'maxNewTokens',
      expected: `prompt and new tokens of at most ${model.maxSeqLen} (maxSeqLen)`,
      got: `${longest} and ${options.maxNewTokens}`,
      hint: 'shorten the prompt, or ask for fewer tokens',
    });
  }
  const results: Hypothesis[][] = new Array(prompts.length);
  for (const length of new Set(prompts.map((prompt) => prompt.length))) {
    const places = [...prompts.keys()].filter((i) => prompts[i]!.length === length);
    const session = new LanguageModelSession(
      model,
      places.map((i) => prompts[i]!),
      options.maxNewTokens,
    );
    try {
      const found = search(session, places, prompts, options);
      for (const [row, i] of places.entries()) results[i] = found[row]!;
    } finally {
      session.dispose();
    }
  }
  return results;
}

function search(
  session: BlockSession,
  places: readonly number[],
  prompts: readonly (readonly number[])[],
  { sample, beamSize = 1, nBest = 1, eos = NEVER, maxNewTokens, forbidden = [] }: GenerateOptions,
): Hypothesis[][] {
  const own = places.map((i) => prompts[i]!);
  const common = { bos: own.map((prompt) => prompt.at(-1)!), eos, maxNewTokens, forbidden };
  if (sample) return sampleSearch(session, { ...common, ...sample, nBest, prompts: own, streams: places });
  if (beamSize === 1 && nBest === 1) return greedySearch(session, common).map((best) => [best]);
  return beamSearch(session, { ...common, beamSize, nBest });
}
