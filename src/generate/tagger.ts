/** From tokens to tags: vocabularies, model, and the likeliest tag of each token. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { tensor } from '../core/tensor.ts';
import { packedBatches } from '../data/batching.ts';
import { ConfigError } from '../errors.ts';
import { areSpanTags, type Span, spansOf } from '../metrics/tagging.ts';
import type { TaggingModel } from '../models/tagging-model.ts';
import type { Tokenizer } from '../tokenizers/types.ts';
import type { Tokenizers } from './translator.ts';

/** A sentence with what the model says of it. */
export interface TaggedTokens {
  readonly tokens: readonly string[];
  /** One for each token. */
  readonly tags: readonly string[];
  /** What the tags stand for; empty for tags that are no spans. */
  readonly spans: readonly Span[];
}

/** The id of a token that is one piece by itself. */
export function tokenId(tokenizer: Tokenizer, token: string): number {
  const ids = tokenizer.encode(token);
  return ids.length === 1 ? ids[0]! : tokenizer.specialTokens.unk;
}

/** Tags by their ids; special tokens of the vocabulary are none. */
export function tagNames(target: Tokenizer): ReadonlyMap<number, string> {
  const special = new Set<number>(Object.values(target.specialTokens));
  const ids = Array.from({ length: target.vocabSize }, (_, id) => id).filter((id) => !special.has(id));
  return new Map(ids.map((id) => [id, target.token(id)]));
}

/** Which of `names` is likeliest in each row of logits `[…, tags]`; of equal ones the lowest id. */
export function likeliestTags(
  logits: ArrayLike<number>,
  columns: number,
  names: ReadonlyMap<number, string>,
): string[] {
  return Array.from({ length: logits.length / columns }, (_, row) => {
    let best = -1;
    for (const id of names.keys())
      if (best < 0 || logits[row * columns + id]! > logits[row * columns + best]!) best = id;
    return names.get(best)!;
  });
}

/** Cuts a list into parts of the lengths. */
export function splitByLengths<T>(list: readonly T[], lengths: readonly number[]): T[][] {
  let from = 0;
  return lengths.map((length) => list.slice(from, (from += length)));
}

/** Tokens that go through the model together. */
const BATCH_TOKENS = 4096;

/** A tagging model with its vocabularies. */
export class Tagger {
  readonly model: TaggingModel;
  /** Of tokens (`source`) and tags (`target`). */
  readonly tokenizers: Tokenizers;
  private readonly names: ReadonlyMap<number, string>;
  private readonly hasSpans: boolean;

  constructor(model: TaggingModel, tokenizers: Tokenizers) {
    this.model = model.eval();
    this.tokenizers = tokenizers;
    this.names = tagNames(tokenizers.target);
    this.hasSpans = areSpanTags(this.names.values());
  }

  /**
   * Tags sentences; what stands beside a sentence changes nothing.
   *
   * @param sentences - tokens of each
   * @throws {ConfigError} when a sentence has more tokens than the model takes
   * @example
   * const [{ tags, spans }] = tagger.tag([['Anna', 'lives', 'in', 'Rome']]);
   */
  tag(sentences: readonly (readonly string[])[]): TaggedTokens[] {
    const { maxSeqLen } = this.model;
    const long = sentences.findIndex(({ length }) => length > maxSeqLen);
    if (long >= 0) {
      throw new ConfigError({
        where: `sentence ${long + 1}`,
        expected: `at most ${maxSeqLen} tokens (maxSeqLen)`,
        got: String(sentences[long]!.length),
      });
    }
    const results = sentences.map((tokens): TaggedTokens => ({ tokens, tags: [], spans: [] }));
    const todo = [...sentences.keys()].filter((i) => sentences[i]!.length > 0);
    const lengths = todo.map((i) => ({ source: sentences[i]!.length, target: 0 }));
    const order = { maxTokens: BATCH_TOKENS, seed: 0, epoch: 0, shuffle: false };
    for (const batch of packedBatches(lengths, order)) {
      const places = batch.map((at) => todo[at]!);
      const found = this.tagPacked(places.map((i) => sentences[i]!));
      for (const [row, i] of places.entries()) results[i] = found[row]!;
    }
    return results;
  }

  private tagPacked(sentences: readonly (readonly string[])[]): TaggedTokens[] {
    const { model, tokenizers, names } = this;
    const ids = Int32Array.from(sentences.flat(), (token) => tokenId(tokenizers.source, token));
    const lengths = sentences.map(({ length }) => length);
    const tags = noGrad(() =>
      scope(() => {
        const logits = model.forward(
          tensor(ids, [1, ids.length], { dtype: 'int32', device: model.device }),
          lengths,
        );
        return likeliestTags(logits.data, logits.shape[2]!, names);
      }),
    );
    return splitByLengths(tags, lengths).map((own, i) => ({
      tokens: sentences[i]!,
      tags: own,
      spans: this.hasSpans ? spansOf(own) : [],
    }));
  }
}
