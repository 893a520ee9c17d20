/** From prompts to texts: tokenizer, language model, and text again. */
import { ConfigError } from '../errors.ts';
import type { CausalLanguageModel } from '../models/language-model.ts';
import type { Tokenizer } from '../tokenizers/types.ts';
import { generate, newTokensAfter } from './language-model.ts';
import type { Guessing } from './parallel/guessing.ts';
import type { SamplingOptions } from './sampling/options.ts';

/** How texts are continued. */
export interface TextOptions {
  /** Most new tokens of a text; by default 200, or as many as the model still takes after its prompt. */
  readonly maxNewTokens?: number | undefined;
  /** Draws tokens; the likeliest are taken without it. */
  readonly sample?: SamplingOptions | undefined;
  /** Hypotheses kept for each text, without `sample`. Default 1. */
  readonly beamSize?: number;
  /** Texts for each prompt. Default 1. */
  readonly count?: number;
  /** Number of the first prompt's stream of random numbers: prompts that come in parts draw as they would together. */
  readonly firstStream?: number;
  /** Lets texts grow beyond `maxSeqLen`: the model goes on from their later half. */
  readonly slide?: boolean | undefined;
  /** Reads several guessed tokens in one pass of the model: the same texts, sooner. One text for each prompt. */
  readonly parallel?: Guessing<CausalLanguageModel> | undefined;
  /** Is given each piece of text as it comes; texts are then written one after the other. */
  readonly onText?: ((piece: string, place: TextPlace) => void) | undefined;
}

/** A text of a prompt. */
export interface TextPlace {
  readonly prompt: number;
  /** Of the texts of this prompt, from 0. */
  readonly result: number;
}

/** A continued text. */
export interface GeneratedText {
  readonly prompt: string;
  /** What comes after the prompt. */
  readonly text: string;
  /** Pieces of it. */
  readonly tokens: readonly string[];
  /** Sum of the log-probabilities of its tokens, the model's own. */
  readonly logProb: number;
}

/** The text of ids that come one by one; what is not whole yet, as half of a character, is held back. */
class GrowingText {
  private readonly tokenizer: Tokenizer;
  private readonly ids: number[];
  private written: number;

  constructor(tokenizer: Tokenizer, prompt: readonly number[]) {
    this.tokenizer = tokenizer;
    this.ids = [...prompt];
    this.written = tokenizer.decode(prompt).length;
  }

  /** What may be written after another id. */
  push(id: number): string {
    this.ids.push(id);
    const text = this.tokenizer.decode(this.ids);
    return text.endsWith('\uFFFD') ? '' : this.from(text);
  }

  /** What was held back. */
  rest(): string {
    return this.from(this.tokenizer.decode(this.ids));
  }

  private from(text: string): string {
    const fresh = text.slice(this.written);
    this.written = Math.max(this.written, text.length);
    return fresh;
  }
}

/** A language model with its tokenizer. */
export class TextGenerator {
  readonly model: CausalLanguageModel;
  readonly tokenizer: Tokenizer;

  constructor(model: CausalLanguageModel, tokenizer: Tokenizer) {
    this.model = model.eval();
    this.tokenizer = tokenizer;
  }

  /**
   * Continues prompts.
   *
   * The same seed gives the same texts, whatever stands beside a prompt. An empty prompt begins where lines begin.
   *
   * @returns for each prompt its texts: draws in their order, else the best first
   * @throws {ConfigError} when a prompt has no token, or prompt and new tokens are more than the model takes
   * @example
   * const [[{ text }]] = generator.generate(['ROMEO:'], { maxNewTokens: 100, sample: { temperature: 0.8, seed: 1 } });
   */
  generate(prompts: readonly string[], options: TextOptions = {}): GeneratedText[][] {
    const { firstStream = 0, count = 1 } = options;
    const ids = prompts.map((prompt) => this.encode(prompt));
    const streams = prompts.map((_, i) => firstStream + i);
    if (!options.onText) return this.together(prompts, ids, streams, options);
    // A draw has the numbers that it has beside the others.
    return prompts.map((prompt, i) =>
      Array.from({ length: options.sample ? count : 1 }, (_, result) =>
        this.aloud(prompt, ids[i]!, streams[i]! * count + result, options, { prompt: i, result }),
      ),
    );
  }

  /**
   * Whether a prompt can be continued.
   *
   * @throws {ConfigError} as `generate` does
   */
  check(prompt: string, options: TextOptions = {}): void {
    newTokensAfter(this.encode(prompt).length, this.model, options);
  }

  private together(
    prompts: readonly string[],
    ids: readonly number[][],
    streams: readonly number[],
    { maxNewTokens, sample, beamSize, count = 1, slide, parallel }: TextOptions,
  ): GeneratedText[][] {
    const found = generate(this.model, ids, {
      ...{ maxNewTokens, nBest: count, streams, slide, parallel, forbidden: this.forbidden },
      ...(sample && { sample }),
      beamSize: sample ? 1 : Math.max(beamSize ?? 1, count),
    });
    return found.map((results, i) => results.map((result) => this.textOf(prompts[i]!, ids[i]!, result)));
  }

  private aloud(
    prompt: string,
    ids: readonly number[],
    stream: number,
    { maxNewTokens, sample, slide, parallel, onText }: TextOptions,
    place: TextPlace,
  ): GeneratedText {
    const growing = new GrowingText(this.tokenizer, ids);
    const say = (piece: string): void => {
      if (piece !== '') onText!(piece, place);
    };
    const [results] = generate(this.model, [ids], {
      ...{ maxNewTokens, streams: [stream], slide, parallel, forbidden: this.forbidden },
      ...(sample && { sample }),
      onToken: (_, token) => say(growing.push(token)),
    });
    say(growing.rest());
    return this.textOf(prompt, ids, results![0]!);
  }

  private textOf(
    prompt: string,
    ids: readonly number[],
    { tokens, logProb }: { readonly tokens: readonly number[]; readonly logProb: number },
  ): GeneratedText {
    const { tokenizer } = this;
    const text = tokenizer.decode([...ids, ...tokens]).slice(tokenizer.decode(ids).length);
    return { prompt, text, tokens: tokens.map((id) => tokenizer.token(id)), logProb };
  }

  /** Special tokens stand in no running text. */
  private get forbidden(): number[] {
    return Object.values(this.tokenizer.specialTokens);
  }

  private encode(prompt: string): number[] {
    const ids = this.tokenizer.encode(prompt === '' ? '\n' : prompt);
    if (ids.length > 0) return ids;
    throw new ConfigError({
      where: 'prompt',
      expected: 'at least one token',
      got: prompt === '' ? 'an empty text' : JSON.stringify(prompt),
      hint: 'this tokenizer keeps no line end to begin after: give a word',
    });
  }
}
