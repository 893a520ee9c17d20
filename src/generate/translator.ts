/** From source texts to target texts: tokens, batches, decoding, and back, in the order of the input. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { bucketBatches } from '../data/batching.ts';
import { collate } from '../data/collate.ts';
import { cutSource, type SourceCut } from '../data/length-policy.ts';
import { type SourceText, sourceTokens, textOf } from '../data/source-text.ts';
import { ConfigError } from '../errors.ts';
import type { EncoderDecoder } from '../models/encoder-decoder.ts';
import { withSharedPanels } from '../models/fused-decoder.ts';
import { capture } from '../nn/capture.ts';
import { type SourceStructure, withEndToken } from '../nn/source-structure.ts';
import { pairCodec } from '../tokenizers/pair-codec.ts';
import type { PairCodec, Tokenizer } from '../tokenizers/types.ts';
import { decodeBatch, type ParallelDecoding } from './decode-batch.ts';
import type { Hypothesis } from './options.ts';
import type { SamplingOptions } from './sampling/options.ts';

/** How texts are decoded, and what is returned of each. */
export interface TranslateOptions {
  /** Hypotheses kept for each text; 1 is greedy. Default 1. */
  readonly beamSize?: number;
  /** α of ((5 + length)/6)^α. Default 0.6. */
  readonly lengthPenalty?: number;
  /** Hypotheses returned for each text, or draws with `sample`. Default 1. */
  readonly nBest?: number;
  /** Draws the tokens from the model's probabilities instead of searching for likely texts. */
  readonly sample?: SamplingOptions;
  /** Reads several guessed tokens in one pass of the model: the same texts, sooner. */
  readonly parallel?: ParallelDecoding;
  /** Stream of random numbers of the first text; the others count on from there. Default 0. */
  readonly firstStream?: number;
  /** Most tokens of a result; twice the source and 10 by default, within the model's limit. */
  readonly maxNewTokens?: number;
  /** What a result must start with, for each text. */
  readonly prefixes?: readonly (string | undefined)[];
  /** Also returns which source tokens each target token attended to. */
  readonly alignments?: boolean;
  /** Padded source tokens of a batch. Default 4096. */
  readonly maxTokens?: number;
}

/** One result for a text. */
export interface Candidate {
  readonly text: string;
  readonly tokens: readonly string[];
  /** log-probability / ((5 + length)/6)^α */
  readonly score: number;
  readonly logProb: number;
}

/** Cross-attention of the last decoder layer. */
export interface Alignment {
  /** With the end token. */
  readonly sourceTokens: readonly string[];
  readonly targetTokens: readonly string[];
  /** Mean over heads, target tokens × source tokens; rows sum to 1. */
  readonly weights: readonly (readonly number[])[];
  /** Each head, heads × target tokens × source tokens. */
  readonly heads: readonly (readonly (readonly number[])[])[];
}

/** The best result for a text, and all that was asked for besides. */
export interface Translation extends Candidate {
  readonly source: string;
  /** Best first, draws in the order in which they were drawn; the first one is this translation itself. */
  readonly nBest: readonly Candidate[];
  readonly alignment?: Alignment;
  /** The source had more tokens than the model takes and was cut. */
  readonly truncated: boolean;
}

/** The tokenizers of the two sides; the same object twice for a shared vocabulary. */
export interface Tokenizers {
  readonly source: Tokenizer;
  readonly target: Tokenizer;
  /** How sources that are too long are cut, as the model was trained; without it, their beginning stays. */
  readonly cut?: SourceCut;
}

interface Prepared {
  readonly codec: PairCodec;
  /** Of the source, with the end token. */
  readonly ids: readonly number[];
  readonly structure?: SourceStructure;
  readonly truncated: boolean;
}

/** A text of a batch. */
interface Input extends Prepared {
  /** Its place among all texts. */
  readonly index: number;
  readonly text: string;
  readonly prefix: string | undefined;
}

/** What becomes of a blank text: there is nothing to say, and no model was asked. */
function untranslated(source: string, { alignments }: TranslateOptions): Translation {
  const nothing: Candidate = { text: '', tokens: [], score: 0, logProb: 0 };
  const alignment: Alignment = { sourceTokens: [], targetTokens: [], weights: [], heads: [] };
  return { source, ...nothing, nBest: [nothing], truncated: false, ...(alignments && { alignment }) };
}

function candidate(codec: PairCodec, { tokens, score, logProb }: Hypothesis): Candidate {
  return { text: codec.decode(tokens), tokens: tokens.map((id) => codec.targetToken(id)), score, logProb };
}

function withoutAlignment(): ConfigError {
  return new ConfigError({
    where: 'alignments',
    problem: 'this model has no attention that could say where it looked',
    hint: 'leave the alignments out, or train a model with attention',
  });
}

function withoutTrees(): ConfigError {
  return new ConfigError({
    where: 'sources',
    expected: 'sentences with dependency trees, which this model looks at',
    got: 'plain text',
    hint: 'give CoNLL-U, as `readConllu` reads it',
  });
}

/** The trees of a batch, where all of its texts have one. */
function structuresOf(inputs: readonly Prepared[]): { readonly structures?: readonly SourceStructure[] } {
  const structures = inputs.flatMap(({ structure }) => (structure ? [structure] : []));
  return structures.length === inputs.length ? { structures } : {};
}

/** A trained model with its tokenizers. */
export class Translator {
  readonly model: EncoderDecoder;
  readonly tokenizers: Tokenizers;

  constructor(model: EncoderDecoder, tokenizers: Tokenizers) {
    this.model = model.eval();
    this.tokenizers = tokenizers;
  }

  /**
   * Translates texts.
   *
   * @param sources - texts; sentences with trees for a model that reads them
   * @returns one translation for each text, in order; a text of white space stays empty
   * @throws {ConfigError} when an option cannot be used, or the model needs trees and gets plain texts
   * @example
   * const [{ text, score }] = translator.translate(['attention'], { beamSize: 4 });
   */
  translate(sources: readonly SourceText[], options: TranslateOptions = {}): Translation[] {
    const texts = sources.map(textOf);
    if (this.model.readsTrees && sources.some((source) => typeof source === 'string')) throw withoutTrees();
    const prepared = sources.map((source) => this.prepare(source));
    const results = texts.map((text): Translation => untranslated(text, options));
    const isBlank = (i: number): boolean => texts[i]!.trim() === '' || prepared[i]!.ids.length === 1;
    const todo = [...texts.keys()].filter((i) => !isBlank(i) || options.prefixes?.[i]);
    const lengths = todo.map((i) => ({ source: prepared[i]!.ids.length, target: 0 }));
    const batches = bucketBatches(lengths, {
      maxTokens: options.maxTokens ?? 4096,
      seed: 0,
      epoch: 0,
      shuffle: false,
    });
    withSharedPanels(() => {
      for (const places of batches) {
        const batch = places.map((place) => todo[place]!);
        const translations = this.translateBatch(
          batch.map((i) => ({ ...prepared[i]!, index: i, text: texts[i]!, prefix: options.prefixes?.[i] })),
          options,
        );
        for (const [row, i] of batch.entries()) results[i] = translations[row]!;
      }
    });
    return results;
  }

  private prepare(source: SourceText): Prepared {
    const codec = pairCodec(this.tokenizers, textOf(source), this.model);
    const { eos } = this.tokenizers.source.specialTokens;
    const room = this.model.maxSeqLen - 1;
    const { maxLength, policy } = this.tokenizers.cut ?? { maxLength: room, policy: 'head' };
    const whole = sourceTokens(this.tokenizers.source, source, codec.source);
    const { source: kept, structure } = cutSource(whole, { maxLength: Math.min(maxLength, room), policy });
    return {
      codec,
      ids: [...kept, eos],
      truncated: kept.length < codec.source.length,
      ...(structure && { structure: withEndToken(structure) }),
    };
  }

  private translateBatch(inputs: readonly Input[], options: TranslateOptions): Translation[] {
    const hypotheses = this.search(inputs, options);
    return inputs.map((input, i): Translation => {
      const { text, codec, truncated } = input;
      const nBest = hypotheses[i]!.map((hypothesis) => candidate(codec, hypothesis));
      const alignment = options.alignments ? { alignment: this.align(input, hypotheses[i]![0]!) } : {};
      return { source: text, ...nBest[0]!, nBest, truncated, ...alignment };
    });
  }

  private search(
    inputs: readonly Input[],
    { beamSize = 1, lengthPenalty = 0.6, nBest = 1, ...options }: TranslateOptions,
  ): Hypothesis[][] {
    const { target } = this.tokenizers;
    const { bos, eos, pad } = target.specialTokens;
    const most = this.model.maxSeqLen - 1;
    const maxNewTokens = inputs.map(({ ids }) => Math.min(most, options.maxNewTokens ?? 2 * ids.length + 10));
    const prefixes = inputs.map(({ codec, prefix }) => (prefix === undefined ? [] : codec.encode(prefix)));
    const padId = this.tokenizers.source.specialTokens.pad;
    const ids = inputs.map((input) => input.ids);
    const sources = { ...collate(ids, { padId }), ...structuresOf(inputs) };
    const streams = inputs.map(({ index }) => (options.firstStream ?? 0) + index);
    const common = { bos, eos, maxNewTokens, prefixes, forbidden: [pad, bos], lengthPenalty };
    return decodeBatch(this.model, sources, { ...common, streams, beamSize, nBest }, options);
  }

  /** The attention of the model while the model is made to say the hypothesis. */
  private align(input: Prepared, { tokens }: Hypothesis): Alignment {
    const { codec, ids: source } = input;
    const { model, tokenizers } = this;
    const { bos, eos } = tokenizers.target.specialTokens;
    const name = model.alignmentPath;
    if (name === undefined) throw withoutAlignment();
    const row = (ids: readonly number[]) => ({ ids: Int32Array.from(ids), lengths: [ids.length] });
    const { tensors } = noGrad(() =>
      scope(() =>
        capture(model, [name], () =>
          model.forwardPacked({ ...row(source), ...structuresOf([input]) }, row([bos, ...tokens])).dispose(),
        ),
      ),
    );
    const weights = tensors.get(name)!;
    const [, heads, queries, keys] = weights.shape as [number, number, number, number];
    const at = (h: number, t: number, s: number): number => weights.data[(h * queries + t) * keys + s]!;
    const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
    const perHead = range(heads).map((h) => range(queries).map((t) => range(keys).map((s) => at(h, t, s))));
    const mean = range(queries).map((t) =>
      range(keys).map((s) => range(heads).reduce((sum, h) => sum + at(h, t, s), 0) / heads),
    );
    weights.dispose();
    return {
      sourceTokens: source.map((id) => codec.sourceToken(id)),
      targetTokens: [...tokens, eos].map((id) => codec.targetToken(id)),
      weights: mean,
      heads: perHead,
    };
  }
}
