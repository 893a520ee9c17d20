/**
 * WordPiece: a word is cut into the longest piece that it begins with, then the longest one that goes on, until its
 * end. Pieces that continue a word carry a mark, `##`; a word that cannot be cut wholly is unknown.
 *
 * Papers: Schuster and Nakajima, Japanese and Korean Voice Search, ICASSP 2012; Wu et al. 2016 (arXiv 1609.08144);
 * Devlin et al. 2018 (arXiv 1810.04805) for the form with `##`.
 */
import type { ConfigIssue } from '../errors.ts';
import { BaseTokenizer, isSpecial, type WordPieces } from './base.ts';
import { trainBpe } from './bpe-trainer.ts';
import { countUnits, mergeReport, noRoom } from './counting.ts';
import type { KindDefinition } from './kind.ts';
import { normalizeText } from './normalize.ts';
import { commonOptions, mergeOptions } from './options.ts';
import { splitWords, type Word } from './pre-tokenize.ts';
import { show } from './saved-fields.ts';
import { numSpecialTokens, specialIds, specialTexts } from './special-tokens.ts';
import type { WordPieceConfig, WordPieceData } from './types.ts';
import { Vocabulary } from './vocabulary.ts';
import { WordCache } from './word-cache.ts';

/** The pieces of WordPiece, and how a word is cut into them. */
export class WordPieceModel {
  private readonly beginnings: ReadonlyMap<string, number>;
  private readonly continuations: ReadonlyMap<string, number>;
  private readonly longest: number;
  private readonly maxWordLength: number;
  private readonly unk: number;

  /**
   * @param beginnings - piece → id of those that a word may begin with
   * @param continuations - piece without its mark → id of those that go on
   * @param limits - `maxWordLength`: longer words, in code points, are unknown; `unk`: their id
   */
  constructor(
    beginnings: ReadonlyMap<string, number>,
    continuations: ReadonlyMap<string, number>,
    { maxWordLength, unk }: { readonly maxWordLength: number; readonly unk: number },
  ) {
    this.beginnings = beginnings;
    this.continuations = continuations;
    this.maxWordLength = maxWordLength;
    this.unk = unk;
    let longest = 0;
    for (const map of [beginnings, continuations]) {
      for (const piece of map.keys()) longest = Math.max(longest, piece.length);
    }
    this.longest = longest;
  }

  /** The longest match first, from left to right: Wu et al. 2016, section 4.1. */
  encode(word: string): WordPieces {
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const unknown = { ids: [this.unk], starts: [0], ends: [word.length] };
    if (word.length > this.maxWordLength && [...word].length > this.maxWordLength) return unknown;
    for (let start = 0; start < word.length; start = ends[ends.length - 1]!) {
      const pieces = start === 0 ? this.beginnings : this.continuations;
      let end = Math.min(word.length, start + this.longest);
      let id = pieces.get(word.slice(start, end));
      while (id === undefined && end > start) id = pieces.get(word.slice(start, --end));
      if (id === undefined || end === start) return unknown;
      ids.push(id);
      starts.push(start);
      ends.push(end);
    }
    return { ids, starts, ends };
  }
}

/**
 * A tokenizer of WordPiece. Decoding puts a space before each piece that begins a word.
 *
 * @example
 * const tokenizer = trainTokenizer({ kind: 'wordpiece', vocabSize: 8000, normalizers: ['lowercase'] }, lines);
 * tokenizer.tokenize('unaffable'); // ['un', '##aff', '##able']
 */
export class WordPieceTokenizer extends BaseTokenizer {
  readonly kind = 'wordpiece' as const;
  private readonly data: Omit<WordPieceData, 'vocab'>;
  private readonly model: WordPieceModel;
  private readonly cache = new WordCache<WordPieces>();

  /** @param data - a checked saved form; use `loadTokenizer` or `trainTokenizer` */
  constructor(data: Omit<WordPieceData, 'vocab'>, pieces: readonly string[]) {
    super(new Vocabulary(data.specialTokens, pieces), data.normalizers);
    this.data = data;
    const { continuation, maxWordLength } = data;
    const beginnings = new Map<string, number>();
    const continuations = new Map<string, number>();
    for (const [piece, id] of this.vocabulary.pieces) {
      if (piece.startsWith(continuation)) continuations.set(piece.slice(continuation.length), id);
      else beginnings.set(piece, id);
    }
    this.model = new WordPieceModel(beginnings, continuations, { maxWordLength, unk: specialIds.unk });
  }

  normalize(text: string): string {
    return this.split(normalizeText(text, this.normalizers))
      .map((word) => word.text)
      .join(' ');
  }

  toJSON(): WordPieceData {
    const { preTokenizer, continuation, maxWordLength } = this.data;
    return { ...this.commonJSON(), kind: this.kind, preTokenizer, continuation, maxWordLength };
  }

  protected split(text: string): Word[] {
    return splitWords(text, this.data.preTokenizer);
  }

  protected encodeWord(word: string): WordPieces {
    return this.cache.get(word, (text) => this.model.encode(text));
  }

  protected join(ids: readonly number[], tokenOf: (id: number) => string): string {
    const { continuation } = this.data;
    return ids
      .map((id, i) => {
        const token = tokenOf(id);
        if (!isSpecial(id) && token.startsWith(continuation)) return token.slice(continuation.length);
        return i === 0 ? token : ` ${token}`;
      })
      .join('');
  }
}

const preTokenizers = ['whitespace', 'punctuation', 'bert'] as const;
const scores = ['likelihood', 'frequency'] as const;

/** Kind `wordpiece`. */
export const wordPieceKind: KindDefinition<WordPieceConfig, WordPieceData> = {
  options: {
    ...commonOptions,
    ...mergeOptions,
    preTokenizer: { type: 'name', names: preTokenizers, about: 'how text is split into words' },
    score: { type: 'name', names: scores, about: 'what the pair that is merged next has the most of' },
    continuation: { type: 'text', about: 'mark of a piece that continues a word' },
    maxWordLength: { type: 'count', minimum: 1, about: 'longer words are unknown' },
  },
  clashes({ vocabSize, numMerges, continuation = '##' }) {
    const issues: ConfigIssue[] = [];
    if ((vocabSize === undefined) === (numMerges === undefined)) {
      issues.push({ path: 'vocabSize', message: 'give vocabSize or numMerges, one of the two' });
    }
    // A single character could not be told from the text's own.
    if ([...continuation].length < 2) {
      issues.push({ path: 'continuation', message: 'expected at least two characters' });
    }
    return issues;
  },
  train(config, common, lines) {
    const { preTokenizer = 'bert', vocabSize, continuation = '##', maxWordLength = 100 } = config;
    const split = (text: string) => splitWords(text, preTokenizer).map((word) => word.text);
    const specials = new Set(specialTexts(common.specialTokens));
    const learned = trainBpe(countUnits(lines, common.normalizers, split), {
      endOfWord: '',
      continuation,
      limitAlphabet: config.limitAlphabet,
      mergesPerStep: config.mergesPerStep,
      score: config.score ?? 'likelihood',
      maxPieces: vocabSize === undefined ? Infinity : vocabSize - numSpecialTokens,
      maxMerges: config.numMerges ?? Infinity,
      minFrequency: config.minFrequency ?? 2,
      isForbidden: (piece) => specials.has(piece),
    });
    const reached = learned.pieces.length + numSpecialTokens;
    if (vocabSize !== undefined && reached > vocabSize) throw noRoom(vocabSize, reached, true);
    const parts = { ...common, kind: 'wordpiece' as const, preTokenizer, continuation, maxWordLength };
    return { parts, pieces: learned.pieces, report: mergeReport(config, reached, learned) };
  },
  read(fields, common, pieces) {
    const preTokenizer = fields.name('preTokenizer', preTokenizers);
    const continuation = fields.get('continuation');
    if (typeof continuation !== 'string' || continuation === '') {
      return fields.fail('a text as continuation', show(continuation), 'the usual mark is ##');
    }
    if (pieces.includes(continuation)) fields.fail('pieces longer than their mark', show(continuation));
    return {
      ...common,
      kind: 'wordpiece',
      preTokenizer,
      continuation,
      maxWordLength: fields.count('maxWordLength'),
    };
  },
  create: (parts, pieces) => new WordPieceTokenizer(parts, pieces),
};
