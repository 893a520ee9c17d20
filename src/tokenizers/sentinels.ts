/**
 * Sentinels: ids beyond the vocabulary that stand for hidden spans, written `<0>`, `<1>`, … in texts.
 *
 * Paper: Raffel et al., T5, 2019, §3.1.4, https://arxiv.org/abs/1910.10683
 */
import type { PairCodec, Tokenizer } from './types.ts';

/** Without zeros before the number, so that a text comes back as it was. */
const sentinel = /<(0|[1-9]\d*)>/;

/**
 * A vocabulary with sentinels, for both sides of a pair.
 *
 * @example
 * const codec = new SentinelVocabulary(trainTokenizer({ kind: 'word' }, ['a b c']), 2, 'a <0> c');
 * codec.source; // [4, 7, 6]
 * codec.decode([7, 5, 8]); // '<0> b <1>'
 */
export class SentinelVocabulary implements PairCodec {
  readonly source: readonly number[];
  private readonly tokenizer: Tokenizer;
  /** `<0>`, `<1>`, … in the order of their ids. */
  private readonly names: readonly string[];

  /**
   * @param count - sentinels, whose ids are V, V + 1, …
   * @param text - of the source
   */
  constructor(tokenizer: Tokenizer, count: number, text: string) {
    this.tokenizer = tokenizer;
    this.names = Array.from({ length: count }, (_, i) => `<${i}>`);
    this.source = this.encode(text);
  }

  /** Ids of a text; a number in angle brackets beyond the last sentinel is text like any other. */
  encode(text: string): number[] {
    const ids: number[] = [];
    let plain = '';
    // Splitting by a group gives texts at even places and numbers of sentinels at odd ones.
    for (const [i, part] of text.split(sentinel).entries()) {
      const isSentinel = i % 2 === 1 && Number(part) < this.names.length;
      if (!isSentinel) {
        plain += i % 2 === 1 ? `<${part}>` : part;
        continue;
      }
      ids.push(...this.tokenizer.encode(plain), this.tokenizer.vocabSize + Number(part));
      plain = '';
    }
    return [...ids, ...this.tokenizer.encode(plain)];
  }

  decode(ids: readonly number[]): string {
    return this.tokenizer.decode(ids, { words: this.names });
  }

  sourceToken(id: number): string {
    return this.names[id - this.tokenizer.vocabSize] ?? this.tokenizer.token(id);
  }

  targetToken(id: number): string {
    return this.sourceToken(id);
  }
}
