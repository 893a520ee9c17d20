/** What decoding asks of a language model: texts that grow after their prompts. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { ConfigError } from '../errors.ts';
import type { CausalLanguageModel } from '../models/language-model.ts';
import type { TextCache } from '../models/text-cache.ts';
import { type BlockSession, type DecodingSession, keepsPlaces, oneAtATime } from './session.ts';

/** Texts of a language model after their prompts; the last token of each prompt is the first that a search feeds. */
export class LanguageModelSession implements BlockSession {
  rows: number;
  private readonly model: CausalLanguageModel;
  private readonly cache: TextCache;
  private readonly promptLength: number;

  /**
   * @param prompts - of one length, at least one token each
   * @param room - most tokens that will come after the prompts
   * @throws {ConfigError} when a prompt is empty or the lengths differ
   */
  constructor(model: CausalLanguageModel, prompts: readonly (readonly number[])[], room: number) {
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

  /** @throws {HeedError} when the model cannot take tokens back */
  truncate(length: number): void {
    if (!this.cache.truncate) throw oneAtATime('LanguageModelSession', 'use a model of self-attention');
    this.cache.truncate(this.promptLength + length);
  }

  select(places: readonly number[]): void {
    if (!keepsPlaces(places, this.rows)) this.cache.select(places);
    this.rows = places.length;
  }

  dispose(): void {
    this.cache.dispose();
  }
}

/** Texts longer than the model takes: each time that its table is full, it reads their later halves anew. */
export class SlidingSession implements DecodingSession {
  private readonly model: CausalLanguageModel;
  private readonly kept: number;
  /** All tokens that the model was given since it last began. */
  private texts: (readonly number[])[] = [];
  private session: LanguageModelSession;

  constructor(model: CausalLanguageModel, prompts: readonly (readonly number[])[]) {
    this.model = model;
    this.kept = Math.ceil(model.maxSeqLen / 2);
    this.session = this.begin(prompts);
  }

  private begin(prompts: readonly (readonly number[])[]): LanguageModelSession {
    const { maxSeqLen } = this.model;
    const ends = prompts.map((prompt) => (prompt.length > maxSeqLen ? prompt.slice(-this.kept) : prompt));
    this.texts = ends.map((prompt) => prompt.slice(0, -1));
    return new LanguageModelSession(this.model, ends, maxSeqLen - (ends[0]?.length ?? 0));
  }

  get rows(): number {
    return this.session.rows;
  }

  step(tokens: readonly number[]): Tensor {
    const grown = this.texts.map((text, row) => [...text, tokens[row]!]);
    if (grown[0]!.length > this.model.maxSeqLen) {
      this.session.dispose();
      this.session = this.begin(grown);
    }
    this.texts = this.texts.map((text, row) => [...text, tokens[row]!]);
    return this.session.step(tokens);
  }

  select(places: readonly number[]): void {
    this.texts = places.map((place) => this.texts[place]!);
    this.session.select(places);
  }

  dispose(): void {
    this.session.dispose();
  }
}
